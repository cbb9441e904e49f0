"""The crossed interval against literal sums, scipy, its invariances, and its promise of 95 %."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interval_coverage import CROSSED, sharing
from interval_coverage import crossed as crossed_coverage
from scipy import stats

from suite.statistics.intervals import Estimate, crossed_interval


def literal_mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """Two-way analysis of variance with one value a cell, by plain sums: mean squares of rows, columns and rest."""
    rows, columns = table.shape
    grand = sum(table[r, c] for r in range(rows) for c in range(columns)) / (rows * columns)
    row_means = [sum(table[r, c] for c in range(columns)) / columns for r in range(rows)]
    column_means = [sum(table[r, c] for r in range(rows)) / rows for c in range(columns)]
    of_rows = columns * sum((mean - grand) ** 2 for mean in row_means) / (rows - 1)
    of_columns = rows * sum((mean - grand) ** 2 for mean in column_means) / (columns - 1)
    rest = sum((table[r, c] - row_means[r] - column_means[c] + grand) ** 2 for r in range(rows) for c in range(columns))
    return of_rows, of_columns, rest / ((rows - 1) * (columns - 1))


def crossed(rng: np.random.Generator, seeds: int, items: int, of_items: float = 1.0) -> np.ndarray:
    """Seed, item and rest effects with a mean of 0.3."""
    effects = rng.normal(0, 1, (seeds, 1)) + rng.normal(0, of_items, items)
    return 0.3 + effects + rng.normal(0, 0.5, (seeds, items))


def test_one_task_is_the_two_way_analysis_of_variance() -> None:
    table = crossed(np.random.default_rng(1), seeds=4, items=9)
    of_seeds, of_items, of_rest = literal_mean_squares(table)
    variance = (of_seeds + of_items - of_rest) / 36
    assert of_items > of_rest
    doubled = (2 * of_seeds + of_items - of_rest) / 36
    df = doubled**2 / ((2 * of_seeds / 36) ** 2 / 3 + (of_items / 36) ** 2 / 8 + (of_rest / 36) ** 2 / 24)
    estimate = crossed_interval([table])
    assert estimate.mean == pytest.approx(table.mean())
    assert estimate.standard_error == pytest.approx(np.sqrt(variance))
    assert estimate.df == pytest.approx(max(3.0, df))
    reach = stats.t.ppf(0.975, estimate.df) * np.sqrt(variance)
    assert (estimate.low, estimate.high) == pytest.approx((table.mean() - reach, table.mean() + reach))
    assert estimate.p == pytest.approx(2 * stats.t.sf(abs(table.mean()) / np.sqrt(variance), estimate.df))


def test_one_item_is_the_one_sample_t_test() -> None:
    values = np.random.default_rng(2).normal(0.4, 1, (6, 1))
    reference = stats.ttest_1samp(values[:, 0], 0)
    estimate = crossed_interval([values])
    assert estimate.p == pytest.approx(reference.pvalue)
    assert estimate.df == 5
    assert (estimate.low, estimate.high) == pytest.approx(tuple(reference.confidence_interval(0.95)))


def test_seeds_are_counted_once_over_all_tasks() -> None:
    """The same seed effects in two tasks do not average out; independent ones would."""
    rng = np.random.default_rng(3)
    tasks = [crossed(rng, 5, 7), crossed(rng, 5, 30)]
    of_tasks = [literal_mean_squares(task) for task in tasks]
    composite = [sum(task[seed].mean() for task in tasks) / 2 for seed in range(5)]
    variance = np.var(composite, ddof=1) / 5
    for task, (_, of_items, of_rest) in zip(tasks, of_tasks, strict=True):
        variance += 0.25 * (of_items - of_rest) / (5 * task.shape[1])
    assert crossed_interval(tasks).standard_error == pytest.approx(np.sqrt(variance))

    twice = crossed_interval([tasks[0][:, :1]] * 2)
    assert twice.standard_error == pytest.approx(crossed_interval([tasks[0][:, :1]]).standard_error)


def test_an_item_component_below_zero_counts_as_none() -> None:
    # Row means differ, column means do not: the items explain less than chance would.
    table = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.5, 2.5, 2.5]]) + np.array([[0.0], [0.1], [0.4]])
    of_seeds, of_items, of_rest = literal_mean_squares(table)
    assert of_items < of_rest  # so the seeds' term stands alone
    estimate = crossed_interval([table])
    assert estimate.standard_error == pytest.approx(np.sqrt(of_seeds / 9))
    assert estimate.df == 2


def test_draws_shared_by_all_seeds_add_their_variance() -> None:
    rng = np.random.default_rng(4)
    table = crossed(rng, 3, 8)
    composites = rng.normal(0, 1, (5, 1)) + rng.normal(0, 0.1, (5, 3))
    of_draws, _, of_rest = literal_mean_squares(composites)
    plain, drawn = crossed_interval([table]), crossed_interval([table], [composites])
    assert drawn.mean == plain.mean
    assert drawn.standard_error**2 == pytest.approx(plain.standard_error**2 + (of_draws - of_rest) / 15)
    assert crossed_interval([table], [composites[:1]]) == plain


def test_one_seed_has_a_mean_and_no_interval() -> None:
    estimate = crossed_interval([np.array([[1.0, 0.0, 1.0, 1.0]])])
    assert estimate.mean == 0.75
    assert not estimate.known
    assert np.isnan([estimate.standard_error, estimate.low, estimate.high, estimate.p, estimate.df]).all()
    assert "one seed" in estimate.note


def test_values_that_do_not_vary_claim_nothing() -> None:
    assert crossed_interval([np.zeros((3, 5))]) == Estimate(0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 3)
    constant = crossed_interval([np.full((3, 5), 0.1)])
    assert not constant.known
    assert "do not vary" in constant.note


@pytest.mark.parametrize("tasks", [[], [np.zeros((2, 3)), np.zeros((3, 3))], [np.zeros(4)], [np.zeros((2, 0))]])
def test_shapes_that_cannot_be_are_refused(tasks: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="task"):
        crossed_interval(tasks)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.data())
def test_order_and_scale_do_not_matter(seeds: int, items: list[int], entropy: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(entropy)
    tasks = [crossed(rng, seeds, count) for count in items]
    plain = crossed_interval(tasks)
    assert plain.df >= seeds - 1
    assert plain.low <= plain.mean <= plain.high
    order = rng.permutation(seeds)
    shuffled = [task[order][:, rng.permutation(task.shape[1])] for task in data.draw(st.permutations(tasks))]
    scaled = [-3 * task for task in shuffled]
    other = crossed_interval(scaled)
    assert other.mean == pytest.approx(-3 * plain.mean)
    assert other.standard_error == pytest.approx(3 * plain.standard_error)
    assert other.p == pytest.approx(plain.p)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 5), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_tasks_on_the_same_items_are_one_task_of_their_mean(seeds: int, items: int, tasks: int, entropy: int) -> None:
    rng = np.random.default_rng(entropy)
    common = rng.normal(size=items)
    values = [crossed(rng, seeds, items) + common for _ in range(tasks)]
    together = crossed_interval(values, items=["the same"] * tasks)
    merged = crossed_interval([np.mean(values, axis=0)])
    assert astuple(together)[:-1] == pytest.approx(astuple(merged)[:-1], rel=1e-9, abs=1e-12, nan_ok=True)


def test_the_literal_variance_with_some_items_shared() -> None:
    """Tasks 0 and 2 are asked on the same items: their sum has one middle term, task 1 one of its own."""
    rng = np.random.default_rng(5)
    seeds, items = 4, (15, 9, 15)
    hard = rng.normal(size=15)
    values = [rng.normal(size=(seeds, count)) + (hard if count == 15 else 0) for count in items]
    found = crossed_interval(values, items=("questions", "others", "questions"))
    variance = np.mean([task.mean(axis=1) for task in values], axis=0).var(ddof=1) / seeds
    for table in (values[0] + values[2], values[1]):
        of_items = seeds * table.mean(axis=0).var(ddof=1)
        left = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        rest = (left**2).sum() / ((seeds - 1) * (table.shape[1] - 1))
        variance += max(0.0, of_items - rest) / (9 * seeds * table.shape[1])
    assert found.standard_error == pytest.approx(np.sqrt(variance))
    assert found.standard_error > crossed_interval(values).standard_error


def test_names_of_items_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="same items differ in their number"):
        crossed_interval([np.zeros((2, 3)), np.zeros((2, 4))], items=["a", "a"])
    with pytest.raises(ValueError, match="2 tasks need as many names of their items, not 1"):
        crossed_interval([np.zeros((2, 3)), np.zeros((2, 3))], items=["a"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="task 1 holds values that are not finite"):
        crossed_interval([np.zeros((2, 2)), np.array([[1, bad], [2, 3]])])


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("worlds", CROSSED)
def test_coverage(seeds: int, worlds: str) -> None:
    """95 % intervals hold the truth in 93 to 97 % of made-up worlds, seed effects correlated over tasks or not."""
    assert 0.93 <= crossed_coverage(seeds, *CROSSED[worlds]) <= 0.97


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("alike", [0.0, 0.45, 0.8])
def test_coverage_where_tasks_share_their_items(seeds: int, alike: float) -> None:
    assert 0.93 <= sharing(seeds, alike) <= 0.97


def test_items_that_are_shared_in_secret_make_intervals_too_narrow() -> None:
    assert sharing(6, 0.8, known=False) < 0.93
