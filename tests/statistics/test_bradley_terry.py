"""Bradley-Terry strengths against statsmodels, their intervals in made-up worlds, and tables that have none."""

from __future__ import annotations

import numpy as np
import pytest
from interval_coverage import judged, strengths

from suite.statistics.bradley_terry import Strengths, bradley_terry


def test_against_logistic_regression_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    wins, _ = judged(np.random.default_rng(1), np.array([-0.5, 0.0, 0.2, 0.6]), 25)
    rows, outcomes = [], []
    for i in range(4):
        for j in range(i):
            rows.append(np.eye(4)[i] - np.eye(4)[j])
            outcomes.append([wins[i, j], wins[j, i]])
    fit = api.GLM(np.array(outcomes), np.array(rows)[:, 1:], family=api.families.Binomial()).fit(tol=1e-12)
    reference = np.concatenate([[0.0], fit.params])
    found = bradley_terry(wins)
    assert found.strength == pytest.approx(reference - reference.mean(), abs=1e-6)
    # Against the first row, whose strength is zero there.
    contrast = found.covariance[1:, 1:] + found.covariance[0, 0] - found.covariance[1:, [0]] - found.covariance[[0], 1:]
    assert contrast == pytest.approx(fit.cov_params(), rel=1e-5)
    value, low, high = found.preferred("1", "0")
    assert low < value < high
    assert value == pytest.approx(1 / (1 + np.exp(-fit.params[0])))
    least, most = fit.conf_int()[0]
    assert (low, high) == pytest.approx((1 / (1 + np.exp(-least)), 1 / (1 + np.exp(-most))), rel=1e-5)


def test_two_rows_are_a_proportion() -> None:
    found = bradley_terry(np.array([[0, 30], [10, 0]]), names=["new", "old"])
    assert found.preferred("new", "old")[0] == pytest.approx(0.75)
    assert found.strength.sum() == pytest.approx(0)
    assert found.strength[0] - found.strength[1] == pytest.approx(np.log(3))
    assert found.judgements == 40


def test_ties_are_half_a_win_each() -> None:
    wins, ties = judged(np.random.default_rng(2), np.array([0.0, 0.3, 0.5]), 40, ties=0.3)
    together, apart = bradley_terry(wins + ties / 2), bradley_terry(wins, ties)
    assert apart.strength.tolist() == together.strength.tolist()
    assert apart.judgements == 3 * 40
    draws = bradley_terry(np.zeros((2, 2)), np.array([[0, 8], [8, 0]]))
    assert draws.strength.tolist() == [0, 0]
    assert draws.low[0] < 0 < draws.high[0]


@pytest.mark.parametrize(("games", "ties", "most"), [(12, 0.0, 0.97), (40, 0.0, 0.97), (40, 0.3, 1.0)])
def test_coverage(games: int, ties: float, most: float) -> None:
    """Half-won games vary more than ties do, so with ties the intervals are cautious."""
    held = strengths(games, ties)
    assert ((held >= 0.93) & (held <= most)).all(), held


def test_far_apart_rows_are_found() -> None:
    found = bradley_terry(np.array([[0.0, 999, 999], [1, 0, 999], [1, 1, 0]]))
    assert isinstance(found, Strengths)
    assert found.strength[0] > found.strength[1] > found.strength[2]
    expected = 1 / (1 + np.exp(found.strength[None, :] - found.strength[:, None]))
    np.fill_diagonal(expected, 0)
    assert (1000 * expected).sum(axis=1) == pytest.approx([1998, 1000, 2], rel=1e-6)


@pytest.mark.parametrize(
    ("wins", "message"),
    [
        ([[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 3], [0, 0, 2, 0]], "a, b were never compared with c, d"),
        ([[0, 2, 1, 1], [1, 0, 1, 1], [0, 0, 0, 3], [0, 0, 2, 0]], "a, b won every comparison with c, d"),
        ([[0, 5], [0, 0]], "a won every comparison with b"),
        ([[0, 0], [0, 0]], "never compared"),
        ([[0, -1], [2, 0]], "not negative"),
        ([[0, float("nan")], [2, 0]], "finite"),
        ([[0]], "two or more"),
        ([[0, 1, 2], [2, 0, 1]], "square"),
    ],
)
def test_tables_without_strengths_are_refused_by_name(wins: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bradley_terry(np.array(wins), names="abcd"[: len(wins)])


def test_ties_must_be_mutual() -> None:
    with pytest.raises(ValueError, match="symmetric"):
        bradley_terry(np.ones((2, 2)), np.array([[0, 1], [2, 0]]))
