"""The least true difference that a row's own test would find: what its seeds and items can and cannot show."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

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
    # The square of a noncentral t is a noncentral F, whose noncentrality can be solved for directly.
    away = float(np.sqrt(special.ncfdtrinc(1, estimate.df, 1 - power, critical**2)))
    return away * estimate.standard_error if np.isfinite(away) else None
