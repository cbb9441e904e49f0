"""The examples beside the tutorial, run as the board runs them: from their folders to rows with models behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sent import TRACK

from suite.boards import load_board
from suite.intake.evaluator import Control
from suite.intake.requests import Change, Declared, Request, request_id
from suite.intake.running import RunnerEvaluator
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import MIB, Limits
from suite.intake.sandbox.selecting import SandboxedCode
from suite.intake.watch import utc_now
from suite.registry import strategies
from suite.stores import LocalStore
from suite.track import load_track

FOLDER = Path(__file__).parents[2] / "submissions"
EXAMPLES = {"even-openings": ("index-only", "given"), "word-coverage": ("code", "reproduced")}
WORLD = load_track("microworld")
SMALL = WORLD.model_copy(
    update={part: getattr(TRACK, part) for part in ("base_models", "recipe", "evaluation", "seeds", "reference_rows")}
)
"""The track that the examples are for, with models of the tests: pool, budget and picks are the real ones."""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    for name in EXAMPLES:
        strategies.forget(name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_run_and_stands_on_the_board(
    name: str, tmp_path: Path, own_home: Path, isolation: Isolation
) -> None:
    kind, how = EXAMPLES[name]
    store, quiet = LocalStore(tmp_path / "store"), lambda *_: None
    tracks = {"microworld": SMALL}
    limits = Limits(memory=1024 * MIB, wall_seconds=300)
    code = SandboxedCode(store, tracks, isolation, limits=limits, notify=quiet, progress=lambda title: quiet)
    evaluator = RunnerEvaluator(store, tracks, jobs=1, notify=quiet, progress=lambda title: quiet, code=code)
    now, content = utc_now(), "0" * 64
    request = Request(
        id=request_id("ada", content, 1),
        author="ada",
        wanted=Declared(name=name, version="1.0", kind=kind, tracks={"microworld": (500,)}),  # type: ignore[arg-type]
        content_sha256=content,
        archive_sha256=content,
        archive_bytes=1,
        submitted_at=now,
        history=(Change(at=now, state="queued", by="ada"),),
    )
    folder = tmp_path / name
    folder.mkdir()
    for file in (FOLDER / name).iterdir():
        # What it wants of a larger track is left to a board that has an hour.
        (folder / file.name).write_bytes(file.read_bytes().replace(b"alpaca-cpu = [500, 2000]\n", b""))
    evaluator.evaluate(request, folder, Control())
    [row] = [row for row in load_board(SMALL, store).tables[0].rows if row.strategy == name]
    assert (row.kind, row.selection) == (kind, how)
    results = list(store.results("microworld"))
    assert len(results) == len(SMALL.seeds.training)
    assert {result.selection_size for result in results} == {500}
