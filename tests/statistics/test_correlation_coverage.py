"""Whether the 95 % intervals of correlations hold the truth, and their p values keep their level, in made-up worlds."""

from __future__ import annotations

import numpy as np
import pytest
from interval_coverage import CLUSTERS, WORLDS, correlations, differences, strata, world

from suite.statistics.correlation import NAMES, correlate


@pytest.mark.parametrize("sizes", CLUSTERS.values(), ids=CLUSTERS)
@pytest.mark.parametrize(("between", "within"), [(0.0, 0.0), (0.8, 0.4)], ids=["none", "strong"])
def test_coverage(sizes: list[int], between: float, within: float) -> None:
    held = correlations(sizes, between, within)
    assert (held >= 0.93).all(), dict(zip(NAMES, held, strict=True))
    # Kendall's jackknife is a little cautious: pairs of rows leave it more to sum than rows do.
    assert (held <= [0.97, 0.97, 0.98, 0.97]).all(), dict(zip(NAMES, held, strict=True))


def test_the_bootstrap_falls_short_with_few_clusters() -> None:
    """Why it is not the default."""
    assert correlations([7] * 6, 0.8, 0.4, method="bootstrap", worlds=400)[1] < 0.93


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
    """Two budgets, the same twelve strategies: what a strategy is stays alike in both."""
    held = strata()
    assert ((held >= 0.93) & (held <= 0.975)).all(), held


def test_differences_cover() -> None:
    held, alarms = differences()
    assert 0.93 <= held <= 0.97
    assert alarms <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / WORLDS)
