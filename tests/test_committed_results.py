"""The results in `docs/results/store` are real ones: the committed tables are what today's code makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.boards import load_board
from suite.commands.board_formats import as_csv
from suite.stores import LocalStore
from suite.studies.correlate_table import CorrelateTable
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable
from suite.track import load_track

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@pytest.mark.parametrize("track", ["microworld", "alpaca-cpu", "alpaca-10m"])
def test_the_committed_table_is_recomputed_without_a_fine_tune(track: str) -> None:
    board = load_board(load_track(track), LocalStore(RESULTS / "store"))
    assert not board.skipped
    assert as_csv(board) == (RESULTS / f"{track}.csv").read_text()


def test_the_example_submissions_stand_beside_the_built_in_rows() -> None:
    board = load_board(load_track("microworld"), LocalStore(RESULTS / "store"))
    rows = {row.strategy: row for row in board.tables[0].rows}
    told = {name: (rows[name].kind, rows[name].selection) for name in ("even-openings", "word-coverage")}
    assert told == {"even-openings": ("index-only", "given"), "word-coverage": ("code", "reproduced")}
    page = (RESULTS / "submissions.md").read_text()
    for name in told:
        difference = rows[name].difference
        assert difference is not None
        assert f"{100 * difference.mean:+.1f} ±" in next(line for line in page.splitlines() if f"| {name} |" in line)


@pytest.mark.parametrize("track", ["microworld"])
def test_committed_studies_are_read(track: str) -> None:
    ladder = read_kept(RESULTS / "store", track, "ladder", LadderTable)
    correlate = read_kept(RESULTS / "store", track, "correlate", CorrelateTable)
    assert ladder is not None
    assert correlate is not None
    assert not ladder.incomplete
