"""Power against simulated tests, statsmodels' where both apply, and the exact facts a submitter should know."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from suite.statistics.intervals import Components, Crossed, components, crossed_components, crossed_interval, moments
from suite.statistics.power import (
    critical_spearman,
    minimum_detectable,
    power_of,
    seeds_needed,
)

OF_SEEDS, OF_ITEMS, OF_REST, TASKS, ITEMS = 0.03, 0.1, 0.3, 3, 60
TRUE = Components(
    OF_SEEDS**2 / TASKS + OF_REST**2 / ITEMS / TASKS,
    tuple(Crossed(OF_ITEMS**2, OF_REST**2, ITEMS, 1 / TASKS) for _ in range(TASKS)),
)


def world(rng: np.random.Generator, seeds: int, difference: float) -> list[np.ndarray]:
    effects = rng.normal(0, OF_SEEDS, (TASKS, seeds, 1)) + rng.normal(0, OF_ITEMS, (TASKS, 1, ITEMS))
    return list(difference + effects + rng.normal(0, OF_REST, (TASKS, seeds, ITEMS)))


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_stated_difference_is_found_four_times_in_five(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    difference = minimum_detectable(TRUE, seeds)
    assert power_of(difference, TRUE, seeds) == pytest.approx(0.8)
    found = np.mean([crossed_interval(world(rng, seeds, difference)).p < 0.05 for _ in range(1000)])
    assert found == pytest.approx(0.8, abs=0.05)


def test_components_are_found_again_and_pooled_without_bias() -> None:
    rng = np.random.default_rng(1)
    pooled = components([moments(world(rng, 3, 0.0)) for _ in range(400)], [ITEMS] * TASKS).averaged()
    assert pooled.seed_variance == pytest.approx(TRUE.seed_variance, rel=0.1)
    for found, true in zip(pooled.parts, TRUE.parts, strict=True):
        assert found.rest == pytest.approx(true.rest, rel=0.05)
        assert found.between == pytest.approx(true.between, rel=0.1)
    assert minimum_detectable(pooled, 6) == pytest.approx(minimum_detectable(TRUE, 6), rel=0.05)


def test_seeds_alone_are_the_one_sample_t_test_of_statsmodels() -> None:
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    alone = Components(0.04, ())
    for seeds in (3, 5, 10):
        expected = power.power(0.15 / 0.2, seeds, 0.05)
        assert power_of(0.15, alone, seeds) == pytest.approx(expected, abs=1e-6)
        least = power.solve_power(nobs=seeds, alpha=0.05, power=0.8) * 0.2
        assert minimum_detectable(alone, seeds) == pytest.approx(least, rel=1e-4)
    assert seeds_needed(0.15, alone) == int(np.ceil(power.solve_power(0.75, alpha=0.05, power=0.8)))


def test_a_plan_and_a_test_count_the_same_variance() -> None:
    values = world(np.random.default_rng(2), 4, 0.1)
    composites = np.random.default_rng(3).normal(0, 0.1, (5, 4))
    estimate, components = crossed_interval(values, [composites]), crossed_components(values, [composites])
    assert components.standard_error(4) == pytest.approx(estimate.standard_error)
    assert components.df(4) == pytest.approx(estimate.df)


def test_more_seeds_help_until_the_items_alone_are_in_doubt() -> None:
    least = [minimum_detectable(TRUE, seeds) for seeds in range(2, 40)]
    assert (np.diff(least) < 0).all()
    needed = seeds_needed(least[8], TRUE)
    assert needed == 10
    of_items = np.sqrt(TASKS * OF_ITEMS**2 / TASKS**2 / ITEMS)
    assert seeds_needed(2.0 * of_items, TRUE) is None
    assert seeds_needed(10.0, TRUE) == 2
    assert minimum_detectable(TRUE, 6, level=0.05 / 10) > minimum_detectable(TRUE, 6)
    assert minimum_detectable(TRUE, 6, power=0.9) > minimum_detectable(TRUE, 6)


def test_power_is_the_level_where_nothing_is_to_be_found() -> None:
    assert power_of(0.0, TRUE, 3) == pytest.approx(0.05)
    assert power_of(-0.1, TRUE, 3) == power_of(0.1, TRUE, 3)
    assert power_of(10.0, TRUE, 3) == pytest.approx(1.0)


def test_what_cannot_be_planned_is_nan_or_refused() -> None:
    assert np.isnan(power_of(0.1, TRUE, 1))
    assert np.isnan(minimum_detectable(TRUE, 1))
    still = crossed_components([np.zeros((3, 4))])
    assert np.isnan([power_of(0.1, still, 3), minimum_detectable(still, 3), still.df(3)]).all()
    assert seeds_needed(0.1, still) is None
    with pytest.raises(ValueError, match="one seed"):
        crossed_components([np.zeros((1, 4))])
    with pytest.raises(ValueError, match="power"):
        minimum_detectable(TRUE, 3, power=1.0)
    with pytest.raises(ValueError, match="level"):
        power_of(0.1, TRUE, 3, level=0.0)


@pytest.mark.parametrize(("n", "critical"), [(6, 0.886), (7, 0.786), (8, 0.738), (12, 0.587), (30, 0.361)])
def test_the_least_spearman_that_says_anything(n: int, critical: float) -> None:
    assert critical_spearman(n) == pytest.approx(critical, abs=6e-4)


def test_the_critical_value_is_counted_over_all_orders() -> None:
    for n in (5, 6):
        every = [abs(stats.spearmanr(range(n), order).statistic) for order in itertools.permutations(range(n))]
        found = np.array(every)
        critical = critical_spearman(n)
        assert (found >= critical - 1e-9).mean() <= 0.05
        below = found[found < critical - 1e-9].max()
        assert (found >= below - 1e-9).mean() > 0.05
    assert np.isnan([critical_spearman(4), critical_spearman(2)]).all()
    assert critical_spearman(14) == pytest.approx(critical_spearman(15), abs=0.03)
