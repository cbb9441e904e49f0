"""Whether the 95 % intervals of correlations hold the truth, and their p values keep their level, in made-up worlds."""

from __future__ import annotations

import numpy as np
import pytest

from suite.statistics.correlation import NAMES, combine_strata, correlate, correlation_difference

WORLDS = 1000


def truth(rho: float) -> np.ndarray:
    """The coefficients of a bivariate normal population, in the order of the fields."""
    spearman = 6 / np.pi * np.arcsin(rho / 2)
    return np.array([spearman, rho, 2 / np.pi * np.arcsin(rho), (spearman + rho) / 2])


def pairs(rng: np.random.Generator, rho: float, n: int) -> np.ndarray:
    x, e = rng.normal(size=(2, n))
    return np.array([x, rho * x + np.sqrt(1 - rho**2) * e])


def world(rng: np.random.Generator, sizes: list[int], between: float, within: float) -> tuple[np.ndarray, np.ndarray]:
    """Half of each column's variance is that of its cluster; (columns, cluster of each row)."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    both = np.sqrt(0.5) * pairs(rng, between, len(sizes))[:, codes] + np.sqrt(0.5) * pairs(rng, within, len(codes))
    return both, codes


@pytest.mark.parametrize("sizes", [[1] * 30, [7] * 6, [1, 2, 3, 4, 5, 6] * 2], ids=["rows", "6 clusters", "unequal"])
@pytest.mark.parametrize(("between", "within"), [(0.0, 0.0), (0.8, 0.4)], ids=["none", "strong"])
def test_coverage(sizes: list[int], between: float, within: float) -> None:
    rng = np.random.default_rng([len(sizes), round(10 * between)])
    hits = np.zeros(4)
    for _ in range(WORLDS):
        both, codes = world(rng, sizes, between, within)
        found = correlate(*both, clusters=codes, permutations=0)
        target = truth((between + within) / 2)
        hits += [c.low <= true <= c.high for (_, c), true in zip(found.items(), target, strict=True)]
    assert (hits / WORLDS >= 0.93).all(), dict(zip(NAMES, hits / WORLDS, strict=True))
    # Kendall's jackknife is a little cautious: pairs of rows leave it more to sum than rows do.
    assert (hits / WORLDS <= [0.97, 0.97, 0.98, 0.97]).all(), dict(zip(NAMES, hits / WORLDS, strict=True))


def test_the_bootstrap_falls_short_with_few_clusters() -> None:
    """Why it is not the default."""
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        both, codes = world(rng, [7] * 6, 0.8, 0.4)
        found = correlate(*both, clusters=codes, permutations=0, method="bootstrap", draws=400).pearson
        hits += found.low <= 0.6 <= found.high
    assert hits / 400 < 0.93


@pytest.mark.parametrize("clustered", [False, True])
def test_a_true_null_is_rejected_as_often_as_said(clustered: bool) -> None:
    rng = np.random.default_rng([3, clustered])
    sizes = [2, 4] * 5 if clustered else [1] * 8
    rejected = np.zeros(3)
    for _ in range(WORLDS):
        both, codes = world(rng, sizes, 0.0, 0.0)
        found = correlate(*both, clusters=codes) if clustered else correlate(*both[:, :6])
        rejected += [coefficient.p <= 0.05 for _, coefficient in found.items()[:3]]
    assert (rejected / WORLDS <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / WORLDS)).all()
    assert (rejected / WORLDS >= 0.01).all()


def test_strata_cover_together() -> None:
    rng = np.random.default_rng(4)
    hits = np.zeros(4)
    for _ in range(WORLDS):
        # Two budgets, the same twelve strategies: what a strategy is stays alike in both.
        both, codes = world(rng, [4] * 12, 0.8, 0.2)
        halves = [(*both[:, at::2], codes[at::2]) for at in range(2)]
        found = combine_strata(halves, permutations=0)
        hits += [c.low <= true <= c.high for (_, c), true in zip(found.items(), truth(0.5), strict=True)]
    assert ((hits / WORLDS >= 0.93) & (hits / WORLDS <= 0.975)).all(), hits / WORLDS


def test_differences_cover() -> None:
    rng = np.random.default_rng(5)
    hits, alarms = 0, 0
    for _ in range(WORLDS):
        y = rng.normal(size=40)
        shared = rng.normal(size=40)
        good = 0.8 * y + 0.6 * (0.8 * shared + 0.6 * rng.normal(size=40))
        poor = 0.5 * y + np.sqrt(0.75) * (0.8 * shared + 0.6 * rng.normal(size=40))
        found = correlation_difference(good, poor, y)["spearman"]
        hits += found.low <= truth(0.8)[0] - truth(0.5)[0] <= found.high
        twin = 0.8 * y + 0.6 * (0.8 * shared + 0.6 * rng.normal(size=40))
        alarms += correlation_difference(good, twin, y)["spearman"].p <= 0.05
    assert 0.93 <= hits / WORLDS <= 0.97
    assert alarms / WORLDS <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / WORLDS)
