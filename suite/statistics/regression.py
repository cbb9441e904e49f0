"""A straight line through noisy points, with the posterior of its slope and the 1-sigma band of its mean.

Bayesian linear regression y = intercept + slope x + noise with normal noise of unknown variance, under the conjugate
normal-inverse-gamma prior in its uninformative limit, p(intercept, slope, variance) proportional to 1/variance: nothing
to choose, and no unit of x or y matters. The posterior mean is then least squares; slope and mean line are Student t
with n - 2 degrees of freedom. "One sigma" is the central 68.27 % of the posterior, whatever n. Source: Gelman et al.,
Bayesian Data Analysis (2013), section 14.2; the figures of M2M (arXiv 2505.24768) draw such bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from suite.statistics.inputs import paired_columns

ONE_SIGMA = float(special.ndtr(1.0) - special.ndtr(-1.0))
EXACT = 1e-12
"""Noise below this share of the largest value is rounding: such points lie on a line."""


@dataclass(frozen=True)
class Line:
    """The posterior of a line through n points.

    `slope_sd` is half the width of the slope's central 68.27 %, `noise_sd` the residual standard deviation,
    `positive` the posterior probability that the slope is above zero. Where there is no line, all but `n` are nan and
    `note` says why; where the points lie exactly on one, only the spreads are nan.
    """

    slope: float
    intercept: float
    slope_sd: float
    noise_sd: float
    positive: float
    n: int
    centre: float
    spread: float
    note: str = ""

    @property
    def df(self) -> int:
        """Degrees of freedom of the posterior."""
        return self.n - 2

    def band(self, x: ArrayLike, level: float = ONE_SIGMA) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean line and the central `level` of its posterior at `x`: (mean, low, high), each of the shape of `x`."""
        at = np.asarray(x, dtype=np.float64)
        mean = self.intercept + self.slope * at
        if self.df < 1 or np.isnan(self.noise_sd):
            unknown = np.full_like(mean, np.nan)
            return mean, unknown, unknown
        error = self.noise_sd * np.sqrt(1 / self.n + ((at - self.centre) / self.spread) ** 2)
        return mean, mean - _t(level, self.df) * error, mean + _t(level, self.df) * error


def bayesian_line(x: ArrayLike, y: ArrayLike) -> Line:
    """The posterior of the line of `y` on `x`; deterministic.

    Points are taken as independent given the line: average seeds that share a level first, or mind that they are not.
    Raises ValueError, naming the position, on what is no finite number, and where lengths differ.
    """
    at, value = paired_columns(x, y)
    n, nan = len(at), float("nan")
    if n < 3:
        return _no_line(n, f"{n} points leave nothing over to tell noise from the line")
    centre = float(at.mean())
    # A constant column of 0.1 has a mean that is not quite 0.1.
    if np.ptp(at) == 0:
        return _no_line(n, "x is constant, so there is no slope")
    off = at - centre
    squares = float(off @ off)
    slope = float(off @ (value - value.mean())) / squares
    intercept = float(value.mean()) - slope * centre
    rest = value - intercept - slope * at
    noise = float(np.sqrt(rest @ rest / (n - 2)))
    spread = float(np.sqrt(squares))
    if noise <= EXACT * max(float(np.abs(value).max()), np.finfo(float).tiny):
        return Line(
            slope, intercept, nan, nan, nan, n, centre, spread, "the points lie on a line: no noise to judge by"
        )
    error = noise / spread
    return Line(
        slope=slope,
        intercept=intercept,
        slope_sd=_t(ONE_SIGMA, n - 2) * error,
        noise_sd=noise,
        positive=float(special.stdtr(n - 2, slope / error)),
        n=n,
        centre=centre,
        spread=spread,
    )


def _t(level: float, df: int) -> float:
    return float(special.stdtrit(df, (1 + level) / 2))


def _no_line(n: int, note: str) -> Line:
    nan = float("nan")
    return Line(nan, nan, nan, nan, nan, n, nan, nan, note)
