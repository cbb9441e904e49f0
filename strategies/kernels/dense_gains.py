"""Lazy facility-location gains over a similarity kernel in memory.

The sums of its rows are the first gains; once the first pick covers, one pass over the kernel follows. From then on
few rows are summed in a step, each in vector registers, in the order they lie in memory.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled
from strategies.kernels.gain_lists import PICKED, reaches

FIRST = 2
"""Rows of the best stale gains that a step looks at before all others."""


class DenseGains:
    """Gains over a symmetric (n, n) kernel; ValueError where it holds a value that is negative, or not a number."""

    picks_a_call = 16

    def __init__(self, similarity: np.ndarray, weights: np.ndarray):
        sums, negative = _row_sums(similarity)
        if not np.isfinite(sums).all():
            first = int(np.flatnonzero(~np.isfinite(sums))[0])
            raise ValueError(f"similarity holds a value that is not a number, first in row {first}")
        if negative:
            raise ValueError("similarity must not be negative; (1 + cosine) / 2 never is")
        self.similarity = similarity
        self.weights = weights
        # The largest of some values of the kernel is one of them: its precision is enough, and half the memory to read.
        self.covered = np.zeros(len(similarity), dtype=similarity.dtype)
        # Rounded up, since another order of summation may give a little more.
        self.bounds = sums * weights * (1 + 1e-9)
        self.exact = np.zeros(len(similarity), dtype=np.bool_)

    def pick(self, picks: np.ndarray, tie: float) -> None:
        """Fill `picks` with the rows of the largest gains (the lowest of ties), one after the other."""
        _pick(self.similarity, self.weights, self.covered, self.bounds, self.exact, picks, tie)


@compiled()
def _pick(
    similarity: np.ndarray,
    weights: np.ndarray,
    covered: np.ndarray,
    bounds: np.ndarray,
    exact: np.ndarray,
    picks: np.ndarray,
    tie: float,
) -> None:
    for step in range(len(picks)):
        exact[:] = False
        best = -1.0
        for place in range(-FIRST, len(bounds)):
            # The rows of the best stale gains come first: they raise the bar that lets most others be skipped.
            row = np.argmax(bounds) if place < 0 else place
            if not exact[row] and bounds[row] >= 0.0 and reaches(bounds[row], best, row, weights, tie):
                bounds[row] = _gain(similarity[row], covered, tie) * weights[row]
                exact[row] = True
                best = max(best, bounds[row])
        for row in range(len(bounds)):
            if exact[row] and reaches(bounds[row], best, row, weights, tie):
                picks[step] = row
                bounds[row] = PICKED
                for other in range(len(covered)):
                    covered[other] = max(covered[other], similarity[row, other])
                break


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _row_sums(similarity: np.ndarray) -> tuple[np.ndarray, float]:
    """The sum of each row in float64, and how many values are negative."""
    sums = np.empty(len(similarity))
    negative = 0.0
    for row in range(len(similarity)):
        total = 0.0
        below = 0.0
        for other in range(similarity.shape[1]):
            value = np.float64(similarity[row, other])
            total += value
            below += 1.0 if value < 0.0 else 0.0
        sums[row] = total
        negative += below
    return sums, negative


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _gain(similar: np.ndarray, covered: np.ndarray, tie: float) -> float:
    # Reassociation lets the sum use vector registers; equal rows still have equal sums.
    gain = 0.0
    for other in range(len(covered)):
        rest = np.float64(similar[other]) - np.float64(covered[other])
        gain += rest if rest >= tie else 0.0
    return gain
