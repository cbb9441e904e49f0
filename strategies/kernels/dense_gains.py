"""Lazy facility-location gains over a similarity kernel in memory."""

from __future__ import annotations

import numpy as np
from numba import njit

from strategies.kernels.gain_lists import PICKED, tie_floor


class DenseGains:
    """Gains over an (n, n) kernel; `pick` takes the best row and covers with it."""

    def __init__(self, similarity: np.ndarray, weights: np.ndarray):
        self.similarity = similarity
        self.weights = weights
        self.covered = np.zeros(len(similarity))
        self.bounds = np.full(len(similarity), np.inf)

    def pick(self, tie: float) -> int:
        """The row of the largest gain (the lowest of ties); it is covered and never picked again."""
        return int(_pick(self.similarity, self.weights, self.covered, self.bounds, tie))


@njit(cache=True)
def _pick(similarity: np.ndarray, weights: np.ndarray, covered: np.ndarray, bounds: np.ndarray, tie: float) -> int:
    count = len(bounds)
    exact = np.zeros(count, dtype=np.bool_)
    best = -1.0
    start = np.argmax(bounds)
    for place in range(-1, count):
        # The row of the best stale gain comes first: it raises the bar that lets most others be skipped.
        row = start if place < 0 else place
        if not exact[row] and bounds[row] >= 0.0 and bounds[row] >= tie_floor(best, tie):
            gain = 0.0
            for other in range(count):
                rest = similarity[row, other] - covered[other]
                gain += rest if rest >= tie else 0.0
            bounds[row] = gain * weights[row]
            exact[row] = True
            best = max(best, bounds[row])
    for row in range(count):
        if exact[row] and bounds[row] >= tie_floor(best, tie):
            bounds[row] = PICKED
            for other in range(count):
                covered[other] = max(covered[other], similarity[row, other])
            return row
    return -1
