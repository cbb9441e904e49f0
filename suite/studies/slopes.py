"""How a score goes with a level of diversity: its line, the line at equal response length, and the rank correlation.

Everything is fitted to the mean of each level, one point a level. The fine-tunes of one level share their level's own
distance from the line (a straight line is a summary, and scores rarely follow one), so single seeds as points would
count that distance once a seed and make every band too narrow. A shift that a training seed, or the items, give to all
levels alike is in no slope and in no band: bands speak of these seeds and these items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from suite.statistics.correlation import correlate
from suite.statistics.power import critical_spearman
from suite.statistics.regression import EXACT, ONE_SIGMA, bayesian_line
from suite.studies.kept import KeptPart, Number

FEWEST_LEVELS = 3
GRID = 41
LEAST_SHARE_LEFT = 0.1
"""Where length explains more than all but this share of the level, the two cannot be told apart."""


class FittedLine(KeptPart):
    """Slope per unit of level with one standard deviation, and the mean line with its 1-sigma band over a grid.

    `points` are levels; `noise_sd` is how far the means of levels stand from the line.
    """

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

    `points` are levels. `share_left` is the share of the level's variance that length does not explain; no slope where
    it is too small.
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


def fitted_line(levels: ArrayLike, means: ArrayLike) -> FittedLine:
    """The Bayesian line of mean scores on levels, one a level, with levels - 2 degrees of freedom; deterministic.

    Raises ValueError on a level that comes twice: its seeds are to be averaged first.
    """
    _each_once(levels)
    line = bayesian_line(levels, means)
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


def partial_slope(levels: ArrayLike, lengths: ArrayLike, means: ArrayLike) -> PartialSlope:
    """The slope of mean scores on levels with mean response length as a covariate, one a level; deterministic.

    Least squares, which is the posterior mean under the prior of `bayesian_line`; the standard deviation is the
    central 68.27 % of a Student t with levels - 3 degrees of freedom. Where the points lie exactly on a plane there is
    a slope and no standard deviation. Raises ValueError on a level that comes twice.
    """
    _each_once(levels)
    x, length, y = (np.asarray(column, dtype=np.float64) for column in (levels, lengths, means))
    n = len(x)
    if n < 4:
        note = f"{n} levels are too few for a slope and a covariate"
        return PartialSlope(slope=None, slope_sd=None, points=n, share_left=None, note=note)
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
    noise = float(np.sqrt(left @ left / (n - 3)))
    if noise <= EXACT * max(float(np.abs(y).max()), np.finfo(float).tiny):
        note = "the points lie on a line: no noise to judge by"
        return PartialSlope(slope=slope, slope_sd=None, points=n, share_left=share, note=note)
    error = noise / float(np.sqrt(squares))
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


def _each_once(levels: ArrayLike) -> None:
    column = np.asarray(levels, dtype=np.float64)
    if len(np.unique(column)) < len(column):
        raise ValueError("a level comes twice: average the scores of its seeds first, they are not independent")


def _without(others: np.ndarray, column: np.ndarray) -> np.ndarray:
    """What is left of a column once the others have explained what they can."""
    return np.asarray(column - others @ np.linalg.lstsq(others, column, rcond=None)[0])
