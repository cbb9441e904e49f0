"""The select stage hands a strategy its features and a progress bar of its own name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite.features import TrackContext
from suite.features.store import FeatureStore
from suite.pool import pool_from_records
from suite.registry import strategies
from suite.runner.selecting import Selector
from suite.runner.stages import StageFolders

RECORDS = [{"id": str(row), "instruction": f"say number {row}", "output": f"{row} " * (row + 1)} for row in range(40)]


def test_a_strategys_own_work_shows_under_its_name(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(title: str) -> Callable[[int, int], None]:
        return lambda done, total: seen.append((title, done, total))

    pool = pool_from_records(RECORDS)
    selector = Selector(
        pool=pool,
        context=TrackContext("test", len(pool), embedder="tfidf-svd?dimensions=8"),
        features=FeatureStore(tmp_path / "features"),
        folders=StageFolders(tmp_path),
        notify=print,
        progress=progress,
    )
    assert len(selector.pick(strategies.parse("k-center"), 20, 0).selection) == 20
    assert seen[-1] == ("k-center", 20, 20)
