"""The versions of a submission: a row is of the one whose picks its record names, and never of two at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from factories import experiment, registration, result, sha, task

from suite.aggregate import PluginFacts, Row, score_v1
from suite.aggregate.cells import cells_of
from suite.aggregate.rows import ANOTHER_VERSION, select_registered
from suite.results import Result

Picks = dict[int, list[str]]
SEEDS, ITEMS, BUDGET = 3, 50, 500
SECOND_RECORD = "a second record of the same cell (the earliest counts)"
drawn_or_fixed = pytest.mark.parametrize("drawn", [(a, b) for a in (True, False) for b in (True, False)])


def picks(number: int, *, drawn: bool) -> Picks:
    """The hashes of a version's picks, as its record has them."""
    return {BUDGET: [sha(f"version {number}, draw {draw}") for draw in range(SEEDS if drawn else 1)]}


def version(number: int, *, drawn: bool, solved: float, seeds: Sequence[int] = range(SEEDS)) -> list[Result]:
    """A version's results: it solves that share of the items, with picks drawn for each seed or the same for all."""
    named = picks(number, drawn=drawn)
    return [
        result(
            [task(np.arange(ITEMS) < solved * ITEMS, "exact-0")],
            spec="my-method",
            selection_seed=draw,
            training_seed=seed,
            selection=named[BUDGET][draw],
            finished_at=f"2025-0{number}-01T00:00:00Z",
        )
        for seed in seeds
        for draw in [seed if drawn else 0]
    ]


def known(named: Picks | None) -> dict[str, PluginFacts]:
    return {"my-method": PluginFacts("meso", "index-only", picks=named)}


def row_of(records: Sequence[Result], named: Picks | None) -> tuple[Row, dict[str, int]]:
    """The method's row on a board with what a score takes beside it, and what was set aside for which reason."""
    others = [one.model_copy(update={"tasks": one.tasks[:1]}) for one in experiment({}, seeds=SEEDS, items=ITEMS)]
    board = score_v1([*others, *records], registration(SEEDS), known(named))
    [table] = board.tables
    return next(row for row in table.rows if row.spec == "my-method"), board.set_aside


@drawn_or_fixed
@pytest.mark.parametrize("shown", [1, 2])
def test_the_version_of_the_record_counts_alone(drawn: tuple[bool, bool], shown: int) -> None:
    versions = [version(number, drawn=drawn[number - 1], solved=0.2 * number) for number in (1, 2)]
    named = picks(shown, drawn=drawn[shown - 1])
    row, set_aside = row_of([*versions[0], *versions[1]], named)
    assert row.tasks["exact-0"] == pytest.approx(0.2 * shown)
    assert (row.cells_done, row.complete) == (SEEDS, True)
    assert set_aside == {ANOTHER_VERSION: SEEDS}
    assert row == row_of(versions[shown - 1], named)[0]


@drawn_or_fixed
@pytest.mark.parametrize("seeds", [(0,), (1,), (0, 1), (1, 2)])
def test_the_former_version_stands_until_the_record_changes_and_no_longer(
    drawn: tuple[bool, bool], seeds: tuple[int, ...]
) -> None:
    old, new = version(1, drawn=drawn[0], solved=0.2), version(2, drawn=drawn[1], solved=0.8, seeds=seeds)
    row, _ = row_of([*old, *new], picks(1, drawn=drawn[0]))
    assert row.tasks["exact-0"] == pytest.approx(0.2)
    assert row.complete
    row, _ = row_of([*old, *new], picks(2, drawn=drawn[1]))
    assert row.tasks["exact-0"] == pytest.approx(0.8)
    assert (row.cells_done, row.complete) == (len(seeds), False)


def test_picks_that_a_version_shares_with_the_former_one_stay_its_own() -> None:
    """A version that picks otherwise under one seed alone: what was finished for the others counts for it."""
    old = version(1, drawn=True, solved=0.2)
    first, _, third = picks(1, drawn=True)[BUDGET]
    named = {BUDGET: [first, sha("otherwise"), third]}
    new = old[1].model_copy(
        update={
            "hashes": old[1].hashes.model_copy(update={"selection": sha("otherwise")}),
            "tasks": (task(np.arange(ITEMS) < 0.8 * ITEMS, "exact-0"),),
        }
    )
    row, set_aside = row_of([*old, new], named)
    assert row.tasks["exact-0"] == pytest.approx((0.2 + 0.8 + 0.2) / 3)
    assert set_aside == {ANOTHER_VERSION: 1}


def test_picks_count_for_their_own_draw_and_budget() -> None:
    """Two draws that changed places are another version, and a budget that the version does not name has none."""
    old = version(1, drawn=True, solved=0.2)
    first, second, third = picks(1, drawn=True)[BUDGET]
    swapped: Picks = {BUDGET: [second, first, third]}
    elsewhere: Picks = {900: [first, second, third]}
    for named, counting in ((swapped, 1), (elsewhere, 0), ({}, 0)):
        groups, set_aside = select_registered(old, registration(SEEDS), known(named))
        assert sum(map(len, groups.values())) == counting
        assert {reason for _, reason in set_aside} == {ANOTHER_VERSION}
        lines = cells_of(old, registration(SEEDS), known(named))
        assert sum(line.counts for line in lines) == counting
        assert {line.why_not for line in lines if not line.counts} == {ANOTHER_VERSION}


def test_fixed_picks_are_of_no_seed_but_the_first_where_the_version_draws() -> None:
    """A version that draws first what once was fixed: results of the fixed picks stand under the first seed alone."""
    fixed = version(1, drawn=False, solved=0.2)
    first = picks(1, drawn=False)[BUDGET][0]
    drawn: Picks = {BUDGET: [first, sha("a second draw"), sha("a third")]}
    groups, _ = select_registered(fixed, registration(SEEDS), known(drawn))
    assert [one.cell.training_seed for group in groups.values() for one in group] == [0]


@drawn_or_fixed
def test_without_a_record_the_earliest_result_of_a_seed_counts(drawn: tuple[bool, bool]) -> None:
    """In a store of one's own nothing tells versions apart, and no seed is the mean of two draws."""
    old, new = version(1, drawn=drawn[0], solved=0.2), version(2, drawn=drawn[1], solved=0.8)
    for records in ([*old, *new], [*new, *old]):
        row, set_aside = row_of(records, None)
        assert row.tasks["exact-0"] == pytest.approx(0.2)
        assert (row.cells_done, row.complete) == (SEEDS, True)
        assert set_aside == {SECOND_RECORD: SEEDS}


@drawn_or_fixed
def test_the_order_of_records_changes_nothing(drawn: tuple[bool, bool]) -> None:
    records = [*version(1, drawn=drawn[0], solved=0.2), *version(2, drawn=drawn[1], solved=0.8)]
    shuffled = [records[place] for place in np.random.default_rng(3).permutation(len(records))]
    for named, counting in ((picks(2, drawn=drawn[1]), records[SEEDS:]), (None, records[:SEEDS])):
        for order in (records, records[::-1], shuffled):
            groups, _ = select_registered(order, registration(SEEDS), known(named))
            found = {one.record_id for group in groups.values() for one in group}
            assert found == {one.record_id for one in counting}
