"""Which records stand behind a row, how they are found, and the files that are none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from boards import made_up, page_at
from factories import experiment, sha

from leaderboard.snapshot import Snapshot
from leaderboard.views import compare, cost, runs, standings
from suite.aggregate.cells import Cells
from suite.report.blocks import Fold, Grid, Link, every
from suite.results import Result
from suite.stores.protocol import Skipped

EFFECTS = {"k-center": 0.2, "oracle": 0.3}
BUDGETS = (500, 2000)


def of_budget(records: list[Result], budget: int) -> list[Result]:
    """The records as if made at another budget, by which their picks differ; those that spend none are left out."""
    return [
        record.model_copy(
            update={
                "cell": record.cell.model_copy(update={"budget": budget}),
                "hashes": record.hashes.model_copy(update={"selection": sha(f"{record.cell.spec} {budget}")}),
                "cost": record.cost.model_copy(update={"evaluation_tokens": budget}),
            }
        )
        for record in records
        if record.cell.budget
    ]


@pytest.fixture(scope="module")
def two_budgets(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    made = experiment(EFFECTS)
    anchors = [record for record in made if not record.cell.budget]
    everything = [*anchors, *(record for budget in BUDGETS for record in of_budget(made, budget))]
    return made_up(tmp_path_factory.mktemp("store"), everything, "alpaca-cpu")


@pytest.mark.parametrize("budget", BUDGETS)
def test_behind_a_row_stand_the_records_of_its_budget_and_those_that_spend_none(
    two_budgets: Snapshot, budget: int
) -> None:
    page = page_at(two_budgets, track="alpaca-cpu", budget=budget)
    assert page.table is not None
    behind = {row.spec: [(line.budget, line.training_seed) for line in page.behind(row)] for row in page.rows}
    for spec in ("k-center", "oracle"):
        assert sorted(behind[spec]) == [(budget, seed) for seed in range(3)]
    assert len(behind["random"]) == 15
    assert sorted(behind["full"]) == [(0, seed) for seed in range(3)]
    assert behind["untuned"] == [(0, 0)]

    work = {row[0].text: row for row in grid(cost.blocks(page), "work").rows if isinstance(row[0], Link)}
    assert {spec: row[4] for spec, row in work.items()} == {spec: len(lines) for spec, lines in behind.items()}
    assert work["oracle"][2] == budget
    members = compare._results(page, page.table, "oracle", "k-center")
    assert {(one.cell.spec, one.cell.budget) for one in members} == {
        ("oracle", budget),
        ("k-center", budget),
        ("untuned", 0),
    }


def grid(blocks: object, identifier: str) -> Grid:
    found = every(blocks)  # type: ignore[arg-type]
    return next(block for block in found if isinstance(block, Grid) and block.identifier == identifier)


@pytest.mark.parametrize(
    ("of_track", "of_none", "said"),
    [
        (0, 0, []),
        (0, 1, ["One file of the store cannot be shown"]),
        (1, 0, ["One file of the store cannot be shown"]),
        (2, 1, ["3 files of the store cannot be shown"]),
    ],
)
def test_files_that_cannot_be_shown_are_counted_as_they_are_listed(
    tmp_path: Path, of_track: int, of_none: int, said: list[str]
) -> None:
    """Damaged records of the track, and files that belong to none."""
    made = experiment(EFFECTS, items=20)
    for number in range(of_track):
        torn = tmp_path / "results" / "microworld" / "k-center" / f"{number:016x}" / "0.json"
        torn.parent.mkdir(parents=True)
        torn.write_text("{")
    problems = tuple(Skipped(f"submissions/{number}.json", "torn") for number in range(of_none))
    page = page_at(dataclasses.replace(made_up(tmp_path, made), problems=problems))
    folds = [one for one in standings.blocks(page) if isinstance(one, Fold) and "cannot be shown" in one.title]
    assert [fold.title for fold in folds] == said
    assert [len(grid(fold.blocks, "passed-over").rows) for fold in folds] == [of_track + of_none] * len(said)


@pytest.mark.parametrize(
    ("search", "number"), [("ORACLE", 3), ("of another TRACK", 2), ("of Another track", 2), ("MICROWORLD", 25)]
)
def test_the_search_of_records_knows_no_case(tmp_path: Path, search: str, number: int) -> None:
    """Neither the reader's nor that of a reason, which a later release may have written."""
    snapshot = made_up(tmp_path, experiment(EFFECTS, items=20))
    data = snapshot.tracks["microworld"]
    first, second, *others = data.cells
    reasons = (
        dataclasses.replace(line, why_not=why)
        for line, why in ((first, "Of another track"), (second, "of another Track"))
    )
    data.cells = Cells((*reasons, *others))
    assert len(grid(runs.blocks(page_at(snapshot, view="runs", search=search)), "records").rows) == number
