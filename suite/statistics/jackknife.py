"""Intervals from leaving one unit out at a time, for coefficients that lie between -1 and 1.

A coefficient r that is a smooth function of means over independent units (rows, clusters, strategies) is put on
Fisher's scale z = atanh r, where it is nearly normal; its standard error there is the jackknife's of r divided by
1 - r^2. Student t with units - 1 degrees of freedom makes the interval. Source: Efron and Stein (1981), Annals of
Statistics 9; the scale is Fisher's (1921). How well this covers is measured in tests/statistics.
"""

from __future__ import annotations

import numpy as np
from scipy import special

CONFIDENCE = 0.95
ROUNDING = 1e-13
"""Coefficients that differ by less are equal: leaving a unit out then changes nothing, which is no certainty."""


def jackknife_error(again: np.ndarray) -> float:
    """Standard error from the values with each unit left out, shape (units,); nan where one of them is nan."""
    return float(np.sqrt((len(again) - 1) * again.var()))


def fisher_interval(value: float, again: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a coefficient in (-1, 1) from its values with each unit left out.

    nan where one of those is nan, or where all of them are equal.
    """
    error = jackknife_error(again)
    if not error > ROUNDING:
        return float("nan"), float("nan")
    reach = special.stdtrit(len(again) - 1, (1 + CONFIDENCE) / 2) * error / (1 - value**2)
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return float(low), float(high)


def t_interval(value: float, again: np.ndarray) -> tuple[float, float, float]:
    """The 95 % interval on the plain scale and the two-sided p against zero: (low, high, p); nan as above."""
    error, df = jackknife_error(again), len(again) - 1
    if not error > ROUNDING:
        return float("nan"), float("nan"), float("nan")
    reach = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * error
    return value - reach, value + reach, float(2 * special.stdtr(df, -abs(value) / error))


def percentile_interval(draws: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of bootstrap draws; those without a value (nan) are left out."""
    low, high = np.nanpercentile(draws, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)
