"""The line and its band against statsmodels, sampling from the posterior, and made-up worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from suite.statistics.regression import ONE_SIGMA, bayesian_line


def ladder(rng: np.random.Generator, n: int = 14, slope: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, 1, n)
    return x, 0.4 + slope * x + rng.normal(0, 0.02, n)


def test_against_statsmodels() -> None:
    """Under the uninformative prior the posterior is what least squares calls its sampling distribution."""
    api = pytest.importorskip("statsmodels.api")
    x, y = ladder(np.random.default_rng(1))
    fit = api.OLS(y, api.add_constant(x)).fit()
    line = bayesian_line(x, y)
    assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params))
    assert line.noise_sd == pytest.approx(np.sqrt(fit.scale))
    assert line.slope_sd == pytest.approx(np.ptp(fit.conf_int(alpha=1 - ONE_SIGMA)[1]) / 2)
    at = np.array([0.0, 0.3, 1.7])
    frame = fit.get_prediction(api.add_constant(at)).summary_frame(alpha=1 - ONE_SIGMA)
    mean, low, high = line.band(at)
    assert mean == pytest.approx(frame["mean"].to_numpy())
    assert low == pytest.approx(frame["mean_ci_lower"].to_numpy())
    assert high == pytest.approx(frame["mean_ci_upper"].to_numpy())


def test_against_draws_from_the_posterior() -> None:
    """The normal-inverse-gamma posterior, drawn: noise variance first, then coefficients given it."""
    rng = np.random.default_rng(2)
    x, y = ladder(rng, n=7)
    line = bayesian_line(x, y)
    design = np.stack([np.ones(7), x], axis=1)
    gram = np.linalg.inv(design.T @ design)
    best = gram @ design.T @ y
    rest = ((y - design @ best) ** 2).sum()
    variance = rest / rng.chisquare(5, 100_000)
    drawn = best + np.sqrt(variance)[:, None] * rng.multivariate_normal(np.zeros(2), gram, 100_000)
    low, high = np.quantile(drawn[:, 1], [0.5 - ONE_SIGMA / 2, 0.5 + ONE_SIGMA / 2])
    assert line.slope_sd == pytest.approx((high - low) / 2, rel=0.02)
    assert line.positive == pytest.approx((drawn[:, 1] > 0).mean(), abs=0.005)
    at_half = drawn @ [1.0, 0.5]
    _, below, above = line.band(0.5)
    assert (below, above) == pytest.approx(np.quantile(at_half, [0.5 - ONE_SIGMA / 2, 0.5 + ONE_SIGMA / 2]), abs=2e-4)


def test_one_sigma_is_one_standard_error_with_many_points() -> None:
    x, y = ladder(np.random.default_rng(3), n=400)
    line = bayesian_line(x, y)
    assert line.slope_sd == pytest.approx(stats.linregress(x, y).stderr, rel=0.01)


@pytest.mark.parametrize("n", [4, 7, 21])
def test_the_band_holds_the_line_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(n)
    inside = wide = 0
    for _ in range(1000):
        line = bayesian_line(*ladder(rng, n))
        _, low, high = line.band(0.25)
        inside += low <= 0.4 + 0.05 * 0.25 <= high
        _, least, most = line.band(0.25, level=0.95)
        wide += least <= 0.4 + 0.05 * 0.25 <= most
    assert abs(inside / 1000 - ONE_SIGMA) < 0.037
    assert 0.93 <= wide / 1000 <= 0.97


def test_units_do_not_matter() -> None:
    x, y = ladder(np.random.default_rng(4))
    plain, other = bayesian_line(x, y), bayesian_line(100 * x + 7, -3 * y)
    assert other.slope == pytest.approx(-0.03 * plain.slope)
    assert other.slope_sd == pytest.approx(0.03 * plain.slope_sd)
    assert other.positive == pytest.approx(1 - plain.positive)


def test_what_is_no_line_says_so() -> None:
    for x, y, note in (([0, 1], [0, 1], "2 points"), ([0.1] * 3, [1, 2, 3], "constant")):
        line = bayesian_line(x, y)
        assert np.isnan([line.slope, line.slope_sd, *line.band(0.5)]).all()
        assert note in line.note
    exact = bayesian_line([0, 1, 2], [1, 3, 5])
    assert (exact.slope, exact.intercept) == pytest.approx((2, 1))
    mean, low, _ = exact.band([3.0])
    assert mean == pytest.approx([7.0])
    assert np.isnan([*low, exact.slope_sd, exact.positive]).all()
    assert "no noise" in exact.note
    with pytest.raises(ValueError, match=r"y\[1\] is nan"):
        bayesian_line([1, 2, 3], [1, float("nan"), 3])
