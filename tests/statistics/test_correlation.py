"""Correlations against scipy and literal forms, with ties, clusters, strata, and what has no correlation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suite.statistics.coefficients import Association
from suite.statistics.correlation import Correlations, combine_strata, correlate, correlation_difference

Columns = tuple[np.ndarray, np.ndarray]


def tied(n: int, entropy: int = 0) -> Columns:
    """Two related columns of small whole numbers, with many ties."""
    rng = np.random.default_rng(entropy)
    x = rng.integers(0, 6, n).astype(float)
    return x, x + rng.integers(-3, 4, n)


def reference(x: np.ndarray, y: np.ndarray) -> list[float]:
    """The same by scipy, in the order of the fields."""
    spearman, pearson = stats.spearmanr(x, y).statistic, stats.pearsonr(x, y).statistic
    return [spearman, pearson, stats.kendalltau(x, y).statistic, (spearman + pearson) / 2]


def values(found: Correlations) -> list[float]:
    return [coefficient.value for _, coefficient in found.items()]


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 30), st.integers(0, 2**32 - 1))
def test_coefficients_are_scipys(n: int, entropy: int) -> None:
    x, y = tied(n, entropy)
    if np.ptp(x) and np.ptp(y):
        assert values(correlate(x, y, permutations=0)) == pytest.approx(reference(x, y))


def test_large_and_shifted_columns_lose_no_digits() -> None:
    x, y = tied(30)
    assert values(correlate(1e9 + x, 1e-9 * y, permutations=0)) == pytest.approx(reference(x, y), abs=1e-6)


def test_weights_are_repeats() -> None:
    """A weighting is the table in which each row stands that often: the bootstrap's and the jackknife's ground."""
    x, y = tied(12)
    weights = np.random.default_rng(1).integers(0, 4, (20, 12))
    found = Association(x, y).under(weights.astype(float))
    for row, weight in zip(found, weights, strict=True):
        assert row == pytest.approx(reference(np.repeat(x, weight), np.repeat(y, weight)))


def test_p_of_few_rows_is_exact() -> None:
    x, y = tied(6, 4)
    found = correlate(x, y)
    for name, statistic in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr), ("kendall", stats.kendalltau)):
        seen = abs(statistic(x, y).statistic)
        every = [abs(statistic(x, y[list(order)]).statistic) for order in itertools.permutations(range(6))]
        assert getattr(found, name).p == pytest.approx(np.mean(np.array(every) >= seen - 1e-9)), name
    assert np.isnan(found.mean.p)


def test_p_of_many_rows_is_near_the_exact_one() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=20)
    y = 0.5 * x + rng.normal(size=20)
    found = correlate(x, y)
    assert found.kendall.p == pytest.approx(stats.kendalltau(x, y, method="exact").pvalue, abs=0.005)
    assert found.spearman.p == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.01)
    assert found.pearson.p == pytest.approx(stats.pearsonr(x, y).pvalue, abs=0.01)
    assert repr(found) == repr(correlate(x, y))  # nan equals nan in text


def test_the_interval_is_the_literal_jackknife() -> None:
    x, y = tied(20, 6)
    clusters = np.repeat(["a", "b", "c", "d", "e", "f"], [1, 2, 3, 4, 4, 6])
    found = correlate(x, y, clusters=clusters, permutations=0)
    left_out = np.array([reference(x[clusters != label], y[clusters != label]) for label in np.unique(clusters)])
    for at, (name, coefficient) in enumerate(found.items()):
        r = coefficient.value
        error = np.sqrt(5 / 6 * ((left_out[:, at] - left_out[:, at].mean()) ** 2).sum()) / (1 - r**2)
        reach = stats.t.ppf(0.975, 5) * error
        expected = (np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach))
        assert (coefficient.low, coefficient.high) == pytest.approx(expected), name
        assert (coefficient.n, coefficient.clusters) == (20, 6)


def test_the_bootstrap_is_the_literal_one() -> None:
    x, y = tied(36, 7)
    clusters = np.arange(36) // 3
    found = correlate(x, y, clusters=clusters, method="bootstrap", draws=2000, permutations=0).pearson
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(1500):
        rows = np.concatenate([np.flatnonzero(clusters == label) for label in rng.integers(0, 12, 12)])
        drawn.append(stats.pearsonr(x[rows], y[rows]).statistic)
    assert (found.low, found.high) == pytest.approx(tuple(np.nanpercentile(drawn, [2.5, 97.5])), abs=0.05)


def test_clusters_widen_the_interval_and_raise_p() -> None:
    """Six rows that are copies of one another are one piece of evidence."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 7))
    y = x + 0.7 * y
    x6, y6 = np.repeat(x, 6) + 1e-6 * rng.normal(size=42), np.repeat(y, 6) + 1e-6 * rng.normal(size=42)
    apart, together = correlate(x6, y6).pearson, correlate(x6, y6, clusters=np.repeat(np.arange(7), 6)).pearson
    one = correlate(x, y).pearson
    assert together.value == pytest.approx(one.value, abs=1e-4)
    assert (together.low, together.high) == pytest.approx((one.low, one.high), abs=1e-3)
    assert apart.low > together.low
    assert apart.p < together.p
    assert together.p >= 2**-6


def test_clusters_of_one_row_are_no_clusters() -> None:
    x, y = tied(12)
    assert repr(correlate(x, y, clusters=range(12))) == repr(correlate(x, y))  # nan equals nan in text


@pytest.mark.parametrize(
    ("x", "y", "note"),
    [
        ([], [], "0 rows"),
        ([1, 2], [1, 2], "2 rows"),
        ([0.1] * 5, range(5), "constant"),
        (range(5), [3] * 5, "constant"),
    ],
)
def test_what_has_no_correlation_is_nan_with_a_note(x: list[float], y: list[float], note: str) -> None:
    for _, coefficient in correlate(x, y).items():
        assert np.isnan([coefficient.value, coefficient.low, coefficient.high, coefficient.p]).all()
        assert note in coefficient.note
    for coefficient in correlation_difference(x, x, y).values():
        assert np.isnan([coefficient.value, coefficient.low, coefficient.p]).all()
        assert note in coefficient.note


def test_what_has_no_interval_says_so() -> None:
    perfect = correlate([1, 2, 3, 4], [1, 2, 3, 9]).spearman
    assert perfect.value == 1
    assert np.isnan([perfect.low, perfect.high]).all()
    assert perfect.p == pytest.approx(2 / 24)
    assert "perfect" in perfect.note
    # Whatever row is left out, nothing goes together with nothing: no interval of width zero.
    x, y, own = [1, 0, -1, 0] * 3, [0, 1, 0, -1] * 3, np.repeat(range(3), 4)
    crosses = (
        correlate(x[:4], y[:4]),
        correlate(x, y, clusters=own),
        correlate(x, y, clusters=own, method="bootstrap"),
    )
    for _, nothing in (found for cross in crosses for found in cross.items()):
        assert nothing.value == 0
        assert np.isnan([nothing.low, nothing.high]).all()
        assert "no spread" in nothing.note
    assert "no spread" in correlation_difference(x, x, y, clusters=own, method="bootstrap")["spearman"].note
    few = correlate(*tied(8), clusters=[0, 0, 0, 0, 1, 1, 1, 1]).spearman
    assert np.isnan([few.low, few.p]).all()
    assert "2 clusters" in few.note
    lonely = correlate([0, 0, 0, 0, 1], [1, 3, 2, 5, 4]).pearson
    assert np.isnan(lonely.low)
    assert "one cluster" in lonely.note


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_broken_numbers_are_refused_by_position(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"x\[2\] is (nan|inf)"):
        correlate([1, 2, wrong, 4], [1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"second\[0\]"):
        correlation_difference([1, 2, 3], [wrong, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="pairs"):
        correlate([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="3 cluster labels for 4 rows"):
        correlate([1, 2, 3, 4], [1, 3, 2, 4], clusters="abc")


def test_the_difference_of_two_metrics_is_paired() -> None:
    rng = np.random.default_rng(11)
    y = rng.normal(size=40)
    good, twin = y + rng.normal(size=40), y + rng.normal(size=40)
    found = correlation_difference(good, twin, y)
    for at, (name, coefficient) in enumerate(found.items()):
        assert coefficient.value == pytest.approx(reference(good, y)[at] - reference(twin, y)[at]), name
    left_out = [
        stats.pearsonr(np.delete(good, row), np.delete(y, row)).statistic
        - stats.pearsonr(np.delete(twin, row), np.delete(y, row)).statistic
        for row in range(40)
    ]
    error = np.sqrt(39 / 40 * ((left_out - np.mean(left_out)) ** 2).sum())
    assert found["pearson"].high - found["pearson"].low == pytest.approx(2 * stats.t.ppf(0.975, 39) * error)
    assert found["pearson"].p == pytest.approx(2 * stats.t.sf(abs(found["pearson"].value) / error, 39))
    nearly = correlation_difference(good, good + 1e-3 * rng.normal(size=40), y)["pearson"]
    assert nearly.high - nearly.low < 0.01
    same = correlation_difference(good, good, y)["spearman"]
    assert same.value == 0
    assert np.isnan(same.low)
    assert "no spread" in same.note
    drawn = correlation_difference(good, twin, y, method="bootstrap")["pearson"]
    assert drawn.low == pytest.approx(found["pearson"].low, abs=0.1)


def test_strata_are_combined_on_fishers_scale() -> None:
    parts = [(*tied(n, n), None) for n in (9, 14, 30)]
    found = combine_strata(parts, permutations=500)
    z = [np.arctanh(reference(x, y)) for x, y, _ in parts]
    expected = np.tanh(np.average(z, axis=0, weights=[6, 11, 27]))
    assert values(found) == pytest.approx(expected)
    assert found.spearman.n == found.spearman.clusters == 53
    assert found.spearman.low < found.spearman.value < found.spearman.high
    assert repr(combine_strata(parts[:1])) == repr(correlate(*parts[0][:2]))


def test_a_difference_between_strata_is_no_correlation() -> None:
    """Two budgets that differ in both columns correlate over all rows, and not within."""
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(2, 2, 25))
    shift = np.array([[0.0], [10.0]])
    pooled = correlate((x + shift).ravel(), (y + shift).ravel()).pearson
    within = combine_strata([(x[at] + 10 * at, y[at] + 10 * at, None) for at in range(2)]).pearson
    assert pooled.value > 0.9
    assert within.low < 0 < within.high
    assert within.p > 0.05


def test_one_label_in_two_strata_is_one_cluster() -> None:
    parts = [(*tied(12, entropy), list("aabbccddeeff")) for entropy in (1, 2)]
    assert combine_strata(parts).spearman.clusters == 6
    others = [parts[0], (*parts[1][:2], list("gghhiijjkkll"))]
    assert combine_strata(others).spearman.clusters == 12
    assert combine_strata(parts).spearman.p >= 2**-5


def test_strata_without_a_correlation_are_counted() -> None:
    good = (*tied(20), None)
    found = combine_strata([good, ([1, 2, 3], [1, 2, 3], None), ([1] * 9, range(9), None)]).kendall
    assert found.value == pytest.approx(correlate(*good[:2]).kendall.value)
    assert "2 of 3 strata" in found.note
    nothing = combine_strata([([1, 2], [1, 2], None)] * 2).kendall
    assert np.isnan(nothing.value)
    assert "2 of 2 strata" in nothing.note
    perfect = combine_strata([good, (range(5), range(5), None)]).spearman
    assert perfect.value < 1
