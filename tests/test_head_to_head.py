"""Two rows against each other: the board's own difference where one is random, and what must hold for any two."""

from __future__ import annotations

import numpy as np
import pytest
from boards import COMMITTED
from factories import experiment, registration, result, task

from suite.aggregate import Board, Registration, score_v1
from suite.aggregate.head_to_head import HeadToHead, head_to_head
from suite.errors import StoreError
from suite.results import Result
from suite.statistics.intervals import crossed_interval
from suite.stores import LocalStore
from suite.track import load_track

EFFECTS = {"k-center": 0.2, "longest": -0.1}


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return experiment(EFFECTS, tasks=3)


@pytest.fixture(scope="module")
def board(results: list[Result]) -> Board:
    return score_v1(results, registration())


def compared(results: list[Result], board: Board, first: str, second: str) -> HeadToHead:
    return head_to_head(results, registration(), board.tables[0], first, second)


@pytest.mark.parametrize("name", ["microworld", "alpaca-cpu"])
def test_against_random_it_is_the_boards_difference_to_the_last_bit(name: str) -> None:
    track = load_track(name)
    everything = list(LocalStore(COMMITTED).results(name))
    registered = Registration.of(track)
    found = 0
    for table in score_v1(everything, registered).tables:
        for row in table.rows:
            if row.spec == "random":
                continue
            own = [result for result in everything if result.cell.spec in (row.spec, "random", "untuned")]
            assert head_to_head(own, registered, table, row.spec, "random").overall == row.difference
            found += 1
    assert found >= 20


def test_a_task_of_right_and_wrong_answers_by_hand(results: list[Result], board: Board) -> None:
    def answers(spec: str) -> np.ndarray:
        """Shape (seeds, items)."""
        own = [r for r in results if r.cell.spec == spec]
        own.sort(key=lambda r: r.cell.training_seed)
        return np.stack([next(t for t in r.tasks if t.name == "exact-0").unpack() for r in own])

    found = compared(results, board, "k-center", "longest")
    apart = answers("k-center") - answers("longest")
    [exact] = [one for one in found.tasks if one.task.name == "exact-0"]
    assert exact.by_seed == pytest.approx(apart.mean(axis=1))
    assert exact.difference == crossed_interval([apart])


def test_tasks_and_seeds_add_up_to_the_whole(results: list[Result], board: Board) -> None:
    found = compared(results, board, "k-center", "longest")
    assert found.overall is not None
    entering = [one for one in found.tasks if one.task.enters]
    assert len(entering) == 3
    assert np.mean([one.difference.mean for one in entering if one.difference]) == pytest.approx(found.overall.mean)
    assert np.mean(found.by_seed) == pytest.approx(found.overall.mean)
    for at in range(len(found.seeds)):
        assert np.mean([one.by_seed[at] for one in entering]) == pytest.approx(found.by_seed[at])


def test_the_other_way_round_it_is_the_same_with_another_sign_whatever_the_order(
    results: list[Result], board: Board
) -> None:
    found = compared(results, board, "k-center", "longest")
    turned = compared(results[::-1], board, "longest", "k-center")
    assert found.overall is not None
    assert turned.overall is not None
    assert turned.overall.mean == pytest.approx(-found.overall.mean)
    assert turned.overall.low == pytest.approx(-found.overall.high)
    assert turned.overall.p == pytest.approx(found.overall.p)
    assert turned.by_seed == pytest.approx([-value for value in found.by_seed])
    assert compared(results[::-1], board, "k-center", "longest") == found


def test_only_seeds_that_both_have_are_paired(results: list[Result]) -> None:
    fewer = [r for r in results if (r.cell.spec, r.cell.training_seed) != ("longest", 1)]
    board = score_v1(fewer, registration())
    found = compared(fewer, board, "k-center", "longest")
    assert found.seeds == (0, 2)
    assert len(found.by_seed) == 2
    assert len(found.members[0]) == 3


def test_the_untuned_base_meets_every_seed(results: list[Result], board: Board) -> None:
    found = compared(results, board, "full", "untuned")
    assert found.seeds == (0, 1, 2)
    assert found.overall is not None
    # On likelihood tasks untuned is 0 and full 1.
    [likelihood] = [one for one in found.tasks if one.task.unit == "bits-per-byte"]
    assert likelihood.difference is not None
    assert likelihood.difference.mean == pytest.approx(1.0)


def test_results_of_another_budget_or_other_weights_are_no_part_of_it(results: list[Result], board: Board) -> None:
    strange = [
        result([task([1.0] * 200, f"exact-{n}") for n in range(2)], spec="longest", budget=2000),
        results[-1].model_copy(update={"hashes": results[-1].hashes.model_copy(update={"base_weights": "0" * 64})}),
    ]
    assert compared([*results, *strange], board, "k-center", "longest") == compared(
        results, board, "k-center", "longest"
    )


def test_a_task_that_does_not_enter_is_compared_and_does_not_count(results: list[Result]) -> None:
    hard = np.zeros(200)
    more = [r.model_copy(update={"tasks": (*r.tasks, task(hard, "impossible"))}) for r in results]
    board = score_v1(more, registration())
    found = compared(more, board, "k-center", "longest")
    [impossible] = [one for one in found.tasks if not one.task.enters]
    assert impossible.difference is not None
    assert impossible.difference.mean == 0.0
    assert found.overall == compared(results, score_v1(results, registration()), "k-center", "longest").overall


def test_nothing_enters_and_nothing_is_claimed(results: list[Result]) -> None:
    bare = [r for r in results if r.cell.spec != "full"]
    found = compared(bare, score_v1(bare, registration()), "k-center", "longest")
    assert found.overall is None
    assert found.by_seed == ()
    assert [one.difference is None for one in found.tasks] == [False, False, True]


def test_a_row_without_results_is_named(results: list[Result], board: Board) -> None:
    with pytest.raises(StoreError, match="Of longest no result at budget 500 could be read"):
        compared([r for r in results if r.cell.spec != "longest"], board, "k-center", "longest")
    with pytest.raises(StoreError, match="Of untuned no result"):
        compared([r for r in results if r.cell.spec != "untuned"], board, "k-center", "longest")


def test_sign_flips_from_ten_seeds_on() -> None:
    made = experiment({"k-center": 0.2}, seeds=10, draws=1, items=40)
    board = score_v1(made, registration(10, 1))
    found = head_to_head(made, registration(10, 1), board.tables[0], "k-center", "random")
    assert (
        found.p_sign_flip == board.tables[0].rows[[r.spec for r in board.tables[0].rows].index("k-center")].p_sign_flip
    )
    assert found.p_sign_flip is not None
