"""The select stage: a strategy gets its features and a bar of its own name, and what it says of its picks is kept."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from suite.features import Features, TrackContext
from suite.features.store import FeatureStore
from suite.pool import Pool, pool_from_records
from suite.registry import PluginInfo, Strategy, strategies
from suite.reporting import Notify, no_progress
from suite.runner.selecting import Selector
from suite.runner.stages import StageFolders
from suite.sealed import sealed

RECORDS = [{"id": str(row), "instruction": f"say number {row}", "output": f"{row} " * (row + 1)} for row in range(40)]


def selector(folder: Path, notify: Notify, progress: Callable[[str], Callable[[int, int], None]]) -> Selector:
    pool = pool_from_records(RECORDS)
    return Selector(
        pool=pool,
        context=TrackContext("test", len(pool), embedder="tfidf-svd?dimensions=8"),
        features=FeatureStore(folder / "features"),
        folders=StageFolders(folder),
        notify=notify,
        progress=progress,
    )


def test_a_strategys_own_work_shows_under_its_name(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(title: str) -> Callable[[int, int], None]:
        return lambda done, total: seen.append((title, done, total))

    assert len(selector(tmp_path, print, progress).pick(strategies.parse("k-center"), 20, 0).selection) == 20
    assert seen[-1] == ("k-center", 20, 20)


@dataclass(frozen=True)
class Talkative(Strategy):
    """Says of its picks what it should, and what it should not."""

    info: ClassVar[PluginInfo] = PluginInfo(name="talkative", deterministic=True, origin=__name__)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """The first rows."""
        for said in ("approximate,\n as ever", "approximate, as ever", "\x1b[31mred"):
            warnings.warn(said, stacklevel=1)
        warnings.warn("no longer supported", DeprecationWarning, stacklevel=1)
        return np.arange(budget)


REMARKS = ("approximate, as ever", "�[31mred")


def test_what_a_strategy_says_of_its_picks_is_kept_with_them_and_told_again(tmp_path: Path) -> None:
    told: list[str] = []
    for process in (1, 2):
        asked = selector(tmp_path, told.append, lambda title: no_progress)
        assert (asked.cached(Talkative(), 5, 0) is not None) == (process == 2)
        for _ in range(3):
            assert asked.pick(Talkative(), 5, 0).remarks == REMARKS
        # Nobody reads the same line twice, and each process says it.
        assert told == [f"talkative: {remark}" for remark in REMARKS] * process


def test_a_selection_that_was_kept_before_remarks_were_has_none_and_is_not_made_again(tmp_path: Path) -> None:
    told: list[str] = []
    first = selector(tmp_path, told.append, lambda title: no_progress)
    made = first.pick(Talkative(), 5, 0)
    file = first.folders.selection(first.key(Talkative(), 5, 0))
    document = json.loads(file.read_text())
    assert document.pop("remarks") == list(REMARKS)
    del document["content_sha256"]
    file.write_text(sealed(document))
    told.clear()
    found = selector(tmp_path, told.append, lambda title: no_progress).pick(Talkative(), 5, 0)
    assert (found.remarks, found.seconds, told) == ((), made.seconds, [])
