"""What a board says about how sure it is: rank intervals, P(best), sign flips and power, on known experiments."""

from __future__ import annotations

import numpy as np
import pytest
from factories import experiment, registration

from suite.aggregate import Board, Row, score_v1
from suite.results import Result

EFFECTS = {"micro-response": 0.2, "k-center": 0.0, "longest": 0.0, "duplicate": -0.25, "oracle": 0.3}


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return experiment(EFFECTS)


@pytest.fixture(scope="module")
def board(results: list[Result]) -> Board:
    return score_v1(results, registration())


def rows_of(board: Board) -> dict[str, Row]:
    [table] = board.tables
    return {row.spec: row for row in table.rows}


def test_clear_rows_have_sure_ranks_and_alike_rows_are_tied(board: Board) -> None:
    rows = rows_of(board)
    assert (rows["micro-response"].rank_low, rows["micro-response"].rank_high) == (1, 1)
    assert rows["micro-response"].p_best == 1
    assert rows["micro-response"].p_beats_random == 1
    assert rows["duplicate"].rank_low == 5
    assert rows["duplicate"].p_beats_random == 0
    one, other = rows["k-center"], rows["longest"]
    assert one.rank_low is not None
    assert one.rank_high is not None
    assert other.rank_low is not None
    assert other.rank_high is not None
    assert max(one.rank_low, other.rank_low) <= min(one.rank_high, other.rank_high)
    shares = [row.p_best for row in rows.values() if row.p_best is not None]
    assert sum(shares) == pytest.approx(1)


def test_only_complete_rows_that_are_no_reference_take_part(results: list[Result]) -> None:
    fewer = [r for r in results if (r.cell.spec, r.cell.training_seed) != ("longest", 1)]
    rows = rows_of(score_v1(fewer, registration()))
    for spec in ("full", "untuned", "oracle", "longest"):
        row = rows[spec]
        assert (row.rank_low, row.rank_high, row.p_best, row.p_beats_random) == (None, None, None, None)
    assert rows["random"].rank_low is not None
    assert rows["random"].p_beats_random is None
    ends = [row.rank_high for row in rows.values() if row.rank_high is not None]
    assert max(ends) <= 4


def test_the_same_results_give_the_same_ranks(results: list[Result], board: Board) -> None:
    assert rows_of(score_v1(results[::-1], registration()))["k-center"] == rows_of(board)["k-center"]


def test_sign_flips_are_shown_from_ten_seeds_on() -> None:
    few, many = (
        rows_of(score_v1(experiment({"k-center": 0.3}, seeds=seeds, draws=2, items=60), registration(seeds, 2)))
        for seeds in (9, 10)
    )
    assert few["k-center"].p_sign_flip is None
    assert many["k-center"].p_sign_flip == 2**-9
    assert many["random"].p_sign_flip is None
    assert many["full"].p_sign_flip is None


def test_the_power_line_is_of_the_judged_rows(board: Board) -> None:
    [table] = board.tables
    power = table.power
    assert power is not None
    assert (power.seeds, power.comparisons) == (3, 4)
    assert 0 < power.detectable < power.detectable_after_holm
    errors = [row.difference.standard_error for row in table.rows if row.p_holm is not None and row.difference]
    # A t test at 80 % needs about three to five standard errors with so few degrees of freedom.
    assert 2.8 * np.mean(errors) < power.detectable < 5.5 * np.mean(errors)
    assert power.seeds_for_one_point is None or power.seeds_for_one_point > 3


def test_what_cannot_be_said_is_not_said(results: list[Result]) -> None:
    one = score_v1(experiment(EFFECTS, seeds=1), registration(seeds=1))
    [table] = one.tables
    assert table.power is None
    assert all(row.rank_low is None and row.p_best is None for row in table.rows)
    assert any("1 seeds say too little" in note or "1 seed" in note for note in table.notes)
    [alone] = score_v1([r for r in results if r.cell.spec in ("full", "untuned", "k-center")], registration()).tables
    assert any("1 row: nothing to rank" in note for note in alone.notes)
    assert alone.power is None
    fewer = [r for r in results if r.cell.spec != "random" or r.cell.selection_seed < 4]
    rows = rows_of(score_v1(fewer, registration()))
    assert rows["k-center"].rank_low is not None
    assert rows["k-center"].p_beats_random is None
