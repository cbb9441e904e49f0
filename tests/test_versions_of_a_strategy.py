"""A new version of a strategy that draws its picks where the old one's were fixed, or the other way round.

A cell is named by its selection seed, so that such versions have different cells: nothing in a record of the new one
says that it takes the place of one of the old. That the two are never averaged is tested here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from factories import experiment, registration, result, sha, task

from suite.aggregate import Row, score_v1
from suite.aggregate.rows import EARLIER_VERSION, select_registered
from suite.results import Result

SEEDS, ITEMS = 3, 50
OLD, NEW = "2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"
both_ways = pytest.mark.parametrize("drawn", [True, False], ids=["fixed-then-drawn", "drawn-then-fixed"])


def version(*, drawn: bool, solved: float, at: str, seeds: Sequence[int] = range(SEEDS)) -> list[Result]:
    """A version's records: it solves that share of the items, with picks drawn for each seed or the same for all."""
    return [
        result(
            [task(np.arange(ITEMS) < solved * ITEMS, "exact-0")],
            spec="my-method",
            selection_seed=seed if drawn else 0,
            training_seed=seed,
            selection=sha(f"draw {seed} of {solved}" if drawn else f"fixed {solved}"),
            finished_at=at,
        )
        for seed in seeds
    ]


def row_of(records: Sequence[Result]) -> tuple[Row, dict[str, int]]:
    """The method's row on a board with what a score takes beside it, and what was set aside for which reason."""
    others = [one.model_copy(update={"tasks": one.tasks[:1]}) for one in experiment({}, seeds=SEEDS, items=ITEMS)]
    board = score_v1([*others, *records], registration(SEEDS))
    [table] = board.tables
    return next(row for row in table.rows if row.spec == "my-method"), board.set_aside


@both_ways
@pytest.mark.parametrize("corrected", [True, False])
def test_the_newer_version_counts_alone(drawn: bool, corrected: bool) -> None:
    """Whether the store gives the old record of the first seed, whose cell is the same, or its correction alone."""
    old = version(drawn=not drawn, solved=0.2, at=OLD)[int(corrected) :]
    new = version(drawn=drawn, solved=0.8, at=NEW)
    row, set_aside = row_of([*old, *new])
    assert row.tasks["exact-0"] == pytest.approx(0.8)
    assert (row.cells_done, row.complete) == (SEEDS, True)
    assert set_aside == {EARLIER_VERSION: len(old)}
    assert row == row_of(new)[0]


@both_ways
@pytest.mark.parametrize("seeds", [(1,), (2,), (0, 1), (1, 2)])
def test_a_version_that_is_not_whole_is_not_filled_up_with_the_old_one(drawn: bool, seeds: tuple[int, ...]) -> None:
    new = version(drawn=drawn, solved=0.8, at=NEW, seeds=seeds)
    row, _ = row_of([*version(drawn=not drawn, solved=0.2, at=OLD)[int(0 in seeds) :], *new])
    assert row.tasks["exact-0"] == pytest.approx(0.8)
    assert (row.cells_done, row.complete) == (len(seeds), False)


@both_ways
def test_the_same_picks_for_every_seed_are_of_either_version(drawn: bool) -> None:
    """A version that only says otherwise whether it draws: the first seed was finished before, and stays."""
    first, *others = version(drawn=False, solved=0.5, at=OLD)
    said = [
        one.model_copy(
            update={
                "cell": one.cell.model_copy(update={"selection_seed": one.cell.training_seed}),
                "cost": one.cost.model_copy(update={"finished_at": NEW if drawn else "2024-01-01T00:00:00Z"}),
            }
        )
        for one in others
    ]
    row, set_aside = row_of([first, *others, *said])
    assert (row.cells_done, row.complete) == (SEEDS, True)
    assert set_aside == {EARLIER_VERSION: SEEDS - 1}


@both_ways
def test_other_settings_and_budgets_are_rows_of_their_own(drawn: bool) -> None:
    old, new = version(drawn=not drawn, solved=0.2, at=OLD), version(drawn=drawn, solved=0.8, at=NEW)
    for change in ({"spec": "my-method:width=2"}, {"budget": 900}):
        elsewhere = [one.model_copy(update={"cell": one.cell.model_copy(update=change)}) for one in old]
        groups, set_aside = select_registered([*elsewhere, *new], registration(SEEDS))
        assert not set_aside
        assert sum(map(len, groups.values())) == 2 * SEEDS


@both_ways
def test_the_order_of_records_changes_nothing(drawn: bool) -> None:
    records = [*version(drawn=not drawn, solved=0.2, at=OLD), *version(drawn=drawn, solved=0.8, at=NEW)]
    shuffled = [records[place] for place in np.random.default_rng(3).permutation(len(records))]
    counted = [
        {one.record_id for group in select_registered(order, registration(SEEDS))[0].values() for one in group}
        for order in (records, records[::-1], shuffled)
    ]
    assert counted == [{one.record_id for one in records[SEEDS:]}] * 3
