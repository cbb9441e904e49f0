"""Pairwise decision accuracy against literal counts, scipy, and made-up worlds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import agreement
from scipy import stats

from suite.statistics.agreement import pairwise_accuracy


def named(values: list[float] | np.ndarray) -> dict[str, float]:
    return {f"s{at:02}": float(value) for at, value in enumerate(values)}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_accuracy_is_the_literal_count(rows: list[tuple[int, int]]) -> None:
    alike = []
    for (a, b), (c, d) in itertools.combinations(rows, 2):
        one, other = np.sign(a - c), np.sign(b - d)
        alike.append(1.0 if one == other else 0.5 if one * other == 0 else 0.0)
    first, second = (named([row[side] for row in rows]) for side in range(2))
    found = pairwise_accuracy(first, second, draws=10)
    assert found.accuracy.value == pytest.approx(np.mean(alike))
    assert found.pairs == len(alike)
    tau = stats.kendalltau(list(first.values()), list(second.values())).statistic
    assert found.tau.value == pytest.approx(tau, nan_ok=True)


def test_only_shared_strategies_count_whatever_their_order() -> None:
    first = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "only here": 0.0}
    second = {"only there": 9.0, "d": 4.0, "b": 2.0, "c": 3.0, "a": 1.5}
    found = pairwise_accuracy(first, second)
    assert (found.strategies, found.pairs, found.accuracy.value) == (4, 6, 1.0)
    assert np.isnan([found.accuracy.low, found.tau.low]).all()
    assert "all pairs agree" in found.note


def test_the_bootstrap_is_the_literal_one() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=9)
    y = x + rng.normal(size=9)
    found = pairwise_accuracy(named(x), named(y), draws=4000)
    drawn = []
    for _ in range(3000):
        rows = rng.integers(0, 9, 9)
        signs = [(x[i] - x[j]) * (y[i] - y[j]) > 0 for i, j in itertools.combinations(rows, 2) if i != j]
        drawn.append(np.mean(signs))
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03
    )
    assert found == pairwise_accuracy(named(x), named(y), draws=4000)


@pytest.mark.parametrize(("n", "rho"), [(10, 0.5), (20, 0.0), (20, 0.7)])
def test_coverage(n: int, rho: float) -> None:
    held = agreement(n, rho)
    assert ((held >= 0.93) & (held <= 0.98)).all(), held


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [([1], [2], "1 shared"), ([], [], "0 shared"), ([1, 2, 3], [1, 3, 2], "3 shared"), ([1] * 5, range(5), "ties all")],
)
def test_too_little_is_said(first: list[float], second: list[float], note: str) -> None:
    found = pairwise_accuracy(named(first), named(second))
    assert note in found.note
    assert np.isnan([found.tau.low, found.tau.high]).all()
    assert np.isnan(found.accuracy.value) == (len(first) < 2)


def test_broken_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        pairwise_accuracy(named([1, 2]), named([1, float("nan")]))
