"""Every view, with real results and with whatever may be wrong: what it says, draws and lets a reader take along."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet
import pytest
from boards import COMMITTED, made_up, page_at, snapshot_of
from factories import experiment, result, sha
from reports import EFFECTS, of_track, stored

from leaderboard.controls import states
from leaderboard.page import Page
from leaderboard.render import render
from leaderboard.snapshot import Snapshot
from leaderboard.views import about, budget, compare, cost, ladder, metrics, overlap, standings, tasks, view_named
from suite.report.blocks import Block, Command, Grid, Link, Links, NotRun, Paragraph, Picture, every
from suite.stores import LocalStore
from suite.track import load_track

VIEWS = (budget, cost, tasks, ladder, metrics, overlap, compare, about)
OF_TABLES = (budget, cost, tasks, compare)
STUDIES = {ladder: "ladder", metrics: "correlate", overlap: "overlap"}
BOTH = ("microworld", "alpaca-cpu")
HOSTILE = (
    "k-means:x=<script>alert(1)</script>",
    "k-means:x='\"><img src=x onerror=alert(1)>",
    "k-means:x=$(rm -rf ~)`id`;echo",
    "k-means:x={{ 7*7 }}",
    "k-means:x=**bold** [x](javascript:alert(1))",
)


def named(module: object) -> str:
    return str(module.NAME)  # type: ignore[attr-defined]


def blocks_of(module: object, page: Page) -> list[Block]:
    return list(every(module.blocks(page)))  # type: ignore[attr-defined]


def of_kind(blocks: list[Block], kind: type[Block]) -> Iterator[Block]:
    return (block for block in blocks if isinstance(block, kind))


def pictures(blocks: list[Block]) -> list[Picture]:
    return [block for block in blocks if isinstance(block, Picture)]


def grids(blocks: list[Block]) -> dict[str, Grid]:
    return {block.identifier: block for block in blocks if isinstance(block, Grid)}


def texts(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, Paragraph))


@pytest.fixture(scope="module")
def committed() -> Snapshot:
    return snapshot_of(LocalStore(COMMITTED), *BOTH)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return made_up(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("track", BOTH)
@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_with_real_results_everything_is_named_and_can_be_taken_along(
    committed: Snapshot, view: object, track: str
) -> None:
    blocks = blocks_of(view, page_at(committed, track=track, view=named(view)))
    there = [block.identifier for block in blocks if isinstance(block, Picture | Grid)]
    assert len(there) == len(set(there))
    for picture in pictures(blocks):
        axes = [*picture.figure.select_xaxes(), *picture.figure.select_yaxes()]
        assert any(axis.title.text for axis in axes)
        assert picture.title
        assert picture.how_to_read.endswith(".")
    for grid in grids(blocks).values():
        names = [column.name for column in grid.columns]
        assert len(names) == len(set(names)), f"{grid.identifier}: a sort could not tell its columns apart"
        lines = list(csv.reader(io.StringIO(grid.csv())))
        assert len(lines) == 1 + len(grid.rows)
        assert pyarrow.parquet.read_table(pyarrow.BufferReader(grid.parquet())).num_rows == len(grid.rows)
        for href in (value.href for row in grid.rows for value in row if isinstance(value, Link)):
            assert href.startswith("?")


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_a_board_without_results_says_which_command_makes_some(view: object) -> None:
    page = page_at(Snapshot(url="file:nowhere"), view=named(view))
    [command] = [block.text for block in blocks_of(view, page) if isinstance(block, Command)]
    assert "breadth run --track microworld" in command
    assert not pictures(blocks_of(view, page))


@pytest.mark.parametrize("view", OF_TABLES, ids=named)
def test_results_that_do_not_count_make_no_table(tmp_path: Path, view: object) -> None:
    track = load_track("alpaca-cpu")
    store = stored(tmp_path, [result(track=track.name, track_identity=sha("older"))])
    [block] = blocks_of(view, page_at(snapshot_of(store, track.name), view=named(view)))
    assert block == NotRun("of 1 results of track alpaca-cpu none counts.", "breadth run --track alpaca-cpu")


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_one_strategy_alone(tmp_path: Path, view: object) -> None:
    page = page_at(made_up(tmp_path, experiment({"k-center": 0.2})), view=named(view))
    assert render(page).body
    if view in OF_TABLES:
        shown = [grid for grid in grids(blocks_of(view, page)).values() if grid.columns[0].title == "strategy"]
        assert all({"k-center", "random"} <= {str(_text(row[0])) for row in grid.rows} for grid in shown)


def _text(value: object) -> object:
    return value.text if isinstance(value, Link) else value


@pytest.mark.parametrize("view", STUDIES, ids=named)
def test_a_study_that_was_not_kept_or_is_damaged_says_so_with_its_command(tmp_path: Path, view: object) -> None:
    study = STUDIES[view]  # type: ignore[index]
    snapshot = made_up(tmp_path)
    [block] = blocks_of(view, page_at(snapshot, view=named(view)))
    assert isinstance(block, NotRun)
    assert block.why.startswith("no ")
    assert block.command == f"breadth {study} --track microworld"
    broken = tmp_path / "studies" / "microworld" / f"{study}.json"
    broken.parent.mkdir(parents=True)
    broken.write_text('{"schema_version": 1}')
    [block] = blocks_of(view, page_at(made_up(tmp_path), view=named(view)))
    assert isinstance(block, NotRun)
    assert "is no outcome of" in block.why
    assert str(broken) in block.why


def test_damaged_contamination_takes_the_heat_map_with_it_nowhere(tmp_path: Path) -> None:
    broken = tmp_path / "studies" / "microworld" / "contamination.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    blocks = blocks_of(tasks, page_at(made_up(tmp_path), view="tasks"))
    assert "is damaged" in next(block.why for block in blocks if isinstance(block, NotRun))
    assert pictures(blocks)


def test_rows_that_lack_a_cell_are_listed_grey(tmp_path: Path) -> None:
    results = [r for r in experiment(EFFECTS) if (r.cell.spec, r.cell.training_seed) != ("k-center", 2)]
    snapshot = made_up(tmp_path, results)
    for view, identifier in ((cost, "costs-0"), (tasks, "task-means-0"), (budget, "budgets"), (cost, "work")):
        grid = grids(blocks_of(view, page_at(snapshot, view=named(view))))[identifier]
        muted = {str(_text(grid.rows[place][0])) for place in grid.muted}
        assert muted == {"k-center", "full", "untuned", "oracle"}


class Reader(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("view", OF_TABLES, ids=named)
def test_names_of_strangers_stay_text(tmp_path: Path, view: object) -> None:
    plain = experiment(EFFECTS)
    more = [
        result(plain[1].tasks, spec=spec, training_seed=seed, hardware="<i>chip</i>")
        for spec in HOSTILE
        for seed in range(3)
    ]
    snapshot = made_up(tmp_path, [*plain, *more])
    for spec in HOSTILE:
        page = page_at(snapshot, view=named(view), variants=True, first=spec, second="random")
        rendered = render(page)
        reader = Reader(rendered.body)
        assert spec.split("`")[0] in reader.text
        assert not [tag for tag, _ in reader.tags if tag in ("script", "img", "i") and "class" not in dict(_)]
        assert not [attributes for _, attributes in reader.tags if any(name.startswith("on") for name in attributes)]
        assert not [a for _, a in reader.tags if (a.get("href") or "").startswith("javascript:")]
        # What plotly draws it reads as markup: a name must not bring any.
        assert "<script" not in str(rendered.figures)
        assert "<img" not in str(rendered.figures)
    written = "".join(grid.csv() for grid in grids(blocks_of(view, page)).values())
    assert not [cell for row in csv.reader(io.StringIO(written)) for cell in row if cell.startswith(("=", "@"))]


def test_filters_hide_rows_and_say_so_and_random_stays_to_be_compared_with(snapshot: Snapshot) -> None:
    for view in (cost, tasks, budget):
        blocks = blocks_of(view, page_at(snapshot, view=named(view), search="k-center"))
        assert "rows are not shown: not found by the search." in texts(blocks)
        [grid] = [one for one in grids(blocks).values() if one.identifier in ("costs-0", "task-means-0", "budgets")]
        assert "longest" not in {_text(row[0]) for row in grid.rows}
    blocks = blocks_of(tasks, page_at(snapshot, view="tasks", search="k-center"))
    [heat] = pictures(blocks)
    assert heat.figure.layout.yaxis.ticktext == ("k-center",)


def test_names_of_rows_lead_to_their_comparison(snapshot: Snapshot) -> None:
    grid = grids(blocks_of(cost, page_at(snapshot, view="cost")))["costs-0"]
    link = next(row[0] for row in grid.rows if _text(row[0]) == "k-center")
    assert isinstance(link, Link)
    assert link.href == "?view=compare&first=k-center&second=random"


def test_costs_are_those_of_the_board_and_work_is_that_of_its_cells(snapshot: Snapshot) -> None:
    page = page_at(snapshot, view="cost")
    assert page.table is not None
    found = grids(blocks_of(cost, page))
    row = next(row for row in page.table.rows if row.spec == "k-center")
    line = next(line for line in found["costs-0"].rows if _text(line[0]) == "k-center")
    assert row.difference is not None
    costs = row.costs.feature_seconds, row.costs.selection_seconds
    assert line[1:6] == (row.rank, row.difference.mean, row.difference.half_width, *costs)
    work = {_text(line[0]): line[1:] for line in found["work"].rows}
    assert work["k-center"] == (500, 1000, 1e12, 3, "2 cores")
    assert work["random"][3] == 15
    assert work["untuned"] == (0, 1000, 1e12, 1, "2 cores")


def test_one_budget_is_said_and_drawn_as_scores(snapshot: Snapshot, tmp_path: Path) -> None:
    blocks = blocks_of(budget, page_at(snapshot, view="budget"))
    assert "Only one budget has results on llama-455k-microworld, 500 samples" in texts(blocks)
    assert "The track has no other." in texts(blocks)
    assert [picture.identifier for picture in pictures(blocks)] == ["budget-scores"]
    again = blocks_of(budget, page_at(made_up(tmp_path, track="alpaca-cpu"), view="budget"))
    [command] = [block.text for block in again if isinstance(block, Command)]
    assert command.startswith("breadth run --track alpaca-cpu --budget 2000 --strategies '")


def test_two_budgets_draw_lines_and_stand_side_by_side(tmp_path: Path) -> None:
    large = [
        record.model_copy(update={"cell": record.cell.model_copy(update={"budget": 2000})})
        for record in experiment({"k-center": 0.3})
        if record.cell.budget
    ]
    store = stored(tmp_path, of_track([*experiment(EFFECTS), *large], load_track("alpaca-cpu")))
    page = page_at(snapshot_of(store, "alpaca-cpu"), view="budget")
    assert page.data is not None
    blocks = blocks_of(budget, page)
    assert [picture.identifier for picture in pictures(blocks)] == ["budget-lines"]
    grid = grids(blocks)["budgets"]
    assert [column.name for column in grid.columns][2:] == [
        f"{what}-{size}" for size in (500, 2000) for what in ("score", "half", "difference", "difference-half")
    ]
    scores = {
        table.budget: {row.spec: row.score.mean for row in table.rows if row.score} for table in page.data.board.tables
    }
    lines = {_text(row[0]): row for row in grid.rows}
    assert (lines["k-center"][2], lines["k-center"][6]) == (scores[500]["k-center"], scores[2000]["k-center"])
    assert lines["longest"][6:] == (None, None, None, None)


def test_many_rows_are_all_in_the_table_and_the_best_in_the_figure(tmp_path: Path) -> None:
    plain = experiment({"k-center": 0.2}, items=20)
    more = [
        result(plain[at % 3 + 1].tasks, spec=f"k-means:clusters={at}", training_seed=seed)
        for at in range(60)
        for seed in range(3)
    ]
    snapshot = made_up(tmp_path, [*plain, *more])
    for view, identifier in ((tasks, "task-means-0"), (budget, "budgets")):
        blocks = blocks_of(view, page_at(snapshot, view=named(view)))
        assert "Figures show the best 40 of 64 rows; tables have all of them." in texts(blocks)
        assert len(grids(blocks)[identifier].rows) == 64
        [picture] = pictures(blocks)
        assert len(picture.figure.layout.yaxis.ticktext) <= 40


def test_light_enough_to_start_at_once() -> None:
    code = (
        "import sys, leaderboard.views\n"
        "heavy = ('torch', 'transformers', 'datasets', 'numba', 'sklearn', 'pandas', 'gradio', 'strategies')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_filters_that_leave_no_row_say_so_with_the_way_back(snapshot: Snapshot) -> None:
    blocks = blocks_of(standings, page_at(snapshot, search="no such strategy"))
    assert "The filters leave no row" in texts(blocks)
    [back] = [link for block in blocks if isinstance(block, Links) for link in block.links if "every" in link.text]
    assert "search" not in back.href


def test_a_queue_without_requests_has_nothing_to_search(snapshot: Snapshot) -> None:
    page = page_at(snapshot, view="queue")
    assert not any(state.shown for state in states(page, view_named("queue")).values())
