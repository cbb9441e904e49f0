"""The results in `docs/results/store` are real ones: the committed tables are what today's code makes of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from suite.boards import load_board
from suite.commands.board_formats import as_csv
from suite.commands.correlate_formats import correlate_csv, panel_csv
from suite.commands.ladder_formats import ladder_csv, ladder_markdown
from suite.commands.report import gather
from suite.report.blocks import Grid
from suite.report.sections.tiers import tiers_section
from suite.stores import LocalStore
from suite.studies.correlate_table import CorrelateTable
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable
from suite.track import load_track

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PAIRS = [("alpaca-cpu", "alpaca-10m"), ("microworld", "alpaca-cpu"), ("microworld", "alpaca-10m")]
LOW = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
HIGH = ["eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
NUMBERS = [*LOW, *HIGH]


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


def test_the_front_pages_say_what_the_board_says() -> None:
    table = load_board(load_track("microworld"), LocalStore(RESULTS / "store")).tables[0]
    verdicts = Counter(row.verdict for row in table.rows if row.rank is not None and row.strategy != "random")
    better, worse, all_rows = (NUMBERS[count] for count in (verdicts["beats"], verdicts["worse"], verdicts.total()))
    for page in ("README.md", "docs/index.md"):
        text = " ".join((RESULTS.parents[1] / page).read_text().replace("*", "").split())
        assert f"{better} of {all_rows} strategies beat random selection" in text, page
    assert f"{worse} do worse" in " ".join((RESULTS.parents[1] / "README.md").read_text().split())


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_agreement_of_tracks_is_what_the_page_says(one: str, other: str) -> None:
    material = gather(load_track(one), LocalStore(RESULTS / "store"), one)
    (grid,) = (block for block in tiers_section(material).blocks if isinstance(block, Grid))
    (_, _, strategies, pairs, alike, interval, *_) = next(row for row in grid.rows if row[0] == other)
    line = f"| {one}, {other} | {strategies} | {pairs} | {alike:.2f} ({interval}) |"
    assert line in (RESULTS / "tiers.md").read_text()


@pytest.mark.parametrize("track", ["microworld", "alpaca-cpu"])
def test_committed_studies_are_read(track: str) -> None:
    ladder = read_kept(RESULTS / "store", track, "ladder", LadderTable)
    correlate = read_kept(RESULTS / "store", track, "correlate", CorrelateTable)
    assert ladder is not None
    assert correlate is not None
    assert not ladder.incomplete
    assert ladder_csv(ladder) == (RESULTS / f"ladder-{track}.csv").read_text()
    page = (RESULTS / f"ladder-{track}.md").read_text()
    assert page.endswith(ladder_markdown(ladder, {}).partition("## How the score")[2].replace("\\_", "_"))
    assert correlate_csv(correlate) == (RESULTS / f"correlate-{track}.csv").read_text()
    assert panel_csv(correlate) == (RESULTS / f"correlate-selections-{track}.csv").read_text()
