"""Holm's step-down correction for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p values in the given order, shape (n,), float64, in [0, 1]; deterministic.

    Comparing each with a level keeps the chance of any false rejection below that level, whatever the dependence.
    Raises ValueError on a value outside [0, 1] or nan. Source: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p values lie in [0, 1]")
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
