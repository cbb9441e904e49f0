"""How a score goes with a level of diversity: its line, the line at equal response length, and the rank correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from suite.statistics.correlation import correlate
from suite.statistics.power import critical_spearman
from suite.statistics.regression import ONE_SIGMA, bayesian_line
from suite.studies.kept import KeptPart, Number

FEWEST_LEVELS = 3
GRID = 41
LEAST_SHARE_LEFT = 0.1
"""Where length explains more than all but this share of the level, the two cannot be told apart."""


class FittedLine(KeptPart):
    """Slope per unit of level with one standard deviation, and the mean line with its 1-sigma band over a grid."""

    slope: Number
    slope_sd: Number
    intercept: Number
    noise_sd: Number
    points: int
    grid: tuple[float, ...]
    mean: tuple[Number, ...]
    low: tuple[Number, ...]
    high: tuple[Number, ...]
    note: str = ""


class PartialSlope(KeptPart):
    """Slope per unit of level at equal mean response length, with one standard deviation.

    `share_left` is the share of the level's variance that length does not explain; no slope where it is too small.
    """

    slope: Number
    slope_sd: Number
    points: int
    share_left: Number
    note: str = ""


class RankCorrelation(KeptPart):
    """Spearman's rho over levels with its exact two-sided p, and whether |rho| reaches the critical value."""

    rho: Number
    p: Number
    levels: int
    critical: Number
    reaches: bool | None
    note: str = ""


def fitted_line(levels: ArrayLike, scores: ArrayLike) -> FittedLine:
    """The Bayesian line of scores, one a level and seed, on levels (one or more); deterministic."""
    line = bayesian_line(levels, scores)
    grid = np.linspace(np.min(levels), np.max(levels), GRID)
    mean, low, high = line.band(grid)
    return FittedLine(
        slope=line.slope,
        slope_sd=line.slope_sd,
        intercept=line.intercept,
        noise_sd=line.noise_sd,
        points=line.n,
        grid=tuple(grid.tolist()),
        mean=tuple(mean.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        note=line.note,
    )


def partial_slope(levels: ArrayLike, lengths: ArrayLike, scores: ArrayLike) -> PartialSlope:
    """The slope of scores on levels with mean response length as a covariate; deterministic.

    Least squares, which is the posterior mean under the prior of `bayesian_line`; the standard deviation is the
    central 68.27 % of a Student t with n - 3 degrees of freedom.
    """
    x, length, y = (np.asarray(column, dtype=np.float64) for column in (levels, lengths, scores))
    n = len(x)
    if n < 4 or np.ptp(x) == 0:
        return PartialSlope(slope=None, slope_sd=None, points=n, share_left=None, note="too few levels or seeds")
    spread = length.std()
    # Lengths that differ by rounding alone are one length: then there is nothing to hold equal.
    given = (length - length.mean()) / spread if spread > 1e-9 * max(1.0, abs(length.mean())) else np.zeros(n)
    others = np.column_stack([np.ones(n), given])
    rest_of_level, rest_of_score = (_without(others, column) for column in (x, y))
    share = float(rest_of_level @ rest_of_level / ((x - x.mean()) @ (x - x.mean())))
    if share < LEAST_SHARE_LEFT:
        note = f"length follows the level ({1 - share:.0%} of it explained): the two cannot be told apart"
        return PartialSlope(slope=None, slope_sd=None, points=n, share_left=share, note=note)
    squares = float(rest_of_level @ rest_of_level)
    slope = float(rest_of_level @ rest_of_score) / squares
    left = rest_of_score - slope * rest_of_level
    error = float(np.sqrt(left @ left / (n - 3) / squares))
    reach = float(special.stdtrit(n - 3, (1 + ONE_SIGMA) / 2))
    return PartialSlope(slope=slope, slope_sd=reach * error, points=n, share_left=share)


def rank_correlation(levels: ArrayLike, means: ArrayLike) -> RankCorrelation:
    """Spearman over levels, one mean score each; p is that of all permutations up to 8 levels."""
    n = np.size(levels)
    found = correlate(levels, means).spearman
    known = not np.isnan(found.value)
    reaches = bool(found.p < 0.05) if known and not np.isnan(found.p) else None
    return RankCorrelation(
        rho=found.value,
        p=found.p,
        levels=n,
        critical=critical_spearman(n),
        reaches=reaches,
        note="" if known else found.note,
    )


def _without(others: np.ndarray, column: np.ndarray) -> np.ndarray:
    """What is left of a column once the others have explained what they can."""
    return np.asarray(column - others @ np.linalg.lstsq(others, column, rcond=None)[0])
