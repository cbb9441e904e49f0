"""Sign flips and permutations against scipy, literal counts, and the exact facts of what they can reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from suite.statistics.permutation import orders, share_as_far, sign_flip, smallest_sign_flip_p


def literal(differences: list[float]) -> float:
    """Every pattern of signs, counted one by one."""
    seen = abs(sum(differences))
    patterns = list(itertools.product([1, -1], repeat=len(differences)))
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) for signs in patterns]
    return sum(total >= seen - 1e-9 for total in sums) / len(patterns)


@given(st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=9))
def test_exact_is_the_literal_count(differences: list[float]) -> None:
    assert sign_flip(differences) == pytest.approx(literal(differences))


def test_against_scipy() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 12)
    reference = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(values) == pytest.approx(reference.pvalue)


def test_a_sample_of_patterns_agrees_with_all_of_them() -> None:
    values = np.random.default_rng(2).normal(0.3, 1, 20)
    more = np.concatenate([values, [1e-12] * 5])  # too many to count, and the five hardly matter
    assert sign_flip(more) == pytest.approx(sign_flip(values), abs=0.005)
    assert sign_flip(more) == sign_flip(more)
    assert sign_flip(more, seed=1) != sign_flip(more)
    assert sign_flip(np.ones(40), draws=1000) == pytest.approx(1 / 1001)


@pytest.mark.parametrize(("n", "smallest"), [(3, 0.25), (5, 0.0625), (6, 0.03125), (10, 2**-9)])
def test_the_smallest_p_that_can_be_reached(n: int, smallest: float) -> None:
    assert smallest_sign_flip_p(n) == smallest == sign_flip(np.arange(1.0, n + 1))
    assert (smallest < 0.05) == (n >= 6)


def test_what_says_nothing() -> None:
    assert np.isnan(sign_flip([]))
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([0.0, 1.0, 2.0, 3.0]) == 0.25
    with pytest.raises(ValueError, match=r"differences\[1\] is nan"):
        sign_flip([1.0, float("nan")])
    with pytest.raises(ValueError, match="column"):
        sign_flip(np.ones((2, 2)))


def test_it_rejects_a_true_null_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    p = np.array([sign_flip(values) for values in rng.standard_t(3, size=(2000, 8))])
    assert 0.035 <= (p <= 0.05).mean() <= 0.055  # p comes in steps of 1/128, so a little below 0.05


def test_orders_are_all_there_are_or_a_sample() -> None:
    every, exact = orders(4, 10, np.random.default_rng(0))
    assert exact
    assert len(np.unique(every, axis=0)) == 24
    some, exact = orders(30, 7, np.random.default_rng(0))
    assert not exact
    assert some.shape == (7, 30)
    assert (np.sort(some, axis=1) == np.arange(30)).all()


@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e15])
def test_the_unit_of_a_statistic_does_not_matter(unit: float) -> None:
    """Sums in another order are equal but for rounding, and what is truly less stays less, in any unit."""
    values = np.array([0.1, 0.2, 0.3])
    seen = float(values.sum())
    null = np.array([0.3 + 0.2 + 0.1, -(0.2 + 0.3 + 0.1), seen * (1 - 1e-6), 0.1])
    assert null[0] != seen
    assert share_as_far(unit * null, unit * seen, exact=True) == 0.5
    assert sign_flip(unit * values) == sign_flip(values) == 0.25
    # A zero that rounding moved is no farther from zero than another.
    assert share_as_far(unit * np.array([0.0, -1e-17, 0.5, -0.5]), unit * 1e-17, exact=True) == 1.0


def test_a_sample_never_gives_zero() -> None:
    assert share_as_far(np.zeros(99), 1.0, exact=False) == 0.01
    assert share_as_far(np.array([1.0, 0.5, -1.0, 0.0]), 1.0, exact=True) == 0.5
    assert np.isnan(share_as_far(np.zeros(3), float("nan"), exact=True))
