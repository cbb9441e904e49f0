"""The least true difference that a row's own test would find: what its seeds and items can and cannot show."""

from __future__ import annotations

import math

from scipy import optimize, stats

from suite.statistics.intervals import Estimate
from suite.statistics.power import LEVEL, POWER


def least_detectable(estimate: Estimate | None, *, power: float = POWER, level: float = LEVEL) -> float | None:
    """In the estimate's unit: the difference that the two-sided t test finds with probability `power`.

    From the noncentral t distribution with the estimate's own standard error and degrees of freedom; None where it
    has no interval. `suite.statistics.power` plans other numbers of seeds from variance components; this says what the
    seeds that were run can do.
    """
    if estimate is None or not estimate.known or not estimate.standard_error > 0:
        return None
    critical = stats.t.ppf(1 - level / 2, estimate.df)

    def short_of(away: float) -> float:
        return float(stats.nct.sf(critical, estimate.df, away) + stats.nct.cdf(-critical, estimate.df, away)) - power

    top = 2.0
    while short_of(top) < 0:
        top *= 2
    away = float(optimize.brentq(short_of, 0.0, top, xtol=1e-9))
    return away * estimate.standard_error if math.isfinite(away) else None
