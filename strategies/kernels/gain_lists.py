"""Facility-location gains from lists: for a candidate, the rows it would represent better, with their similarities.

Coverage only grows, so a list can only shrink: whoever is not on it now never will be. Lists are float64 and exact.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled

PICKED = -1.0
NO_LIST = -1


@compiled()
def reaches(gain: float, best: float, row: int, weights: np.ndarray, tie: float) -> bool:
    """Whether a row's gain, or a bound of it, is the best or ties with it; `weights` (n,) are from 0 to 1.

    Unweighted gains are sums of differences of similarities of about 1, so below 1 their rounding does not shrink with
    them: two rows that are each other's nearest have equal gains that differ in their last digits. A weight multiplies
    that rounding as it does the gain, so a common factor of all weights changes no tie.
    """
    # No tie is wider than that of weight 1: most rows fall below it, and their weight is not read.
    return gain >= best - tie * max(best, 1.0) and gain >= best - tie * max(best, weights[row])


class GainLists:
    """One list a candidate in flat arrays: entries `starts[row]` to `starts[row] + lengths[row]`.

    A row whose length is NO_LIST has none. `bounds` (n,) are upper bounds of gains, PICKED for picks; `exact` says
    which of them are this step's own.
    """

    def __init__(self, starts: np.ndarray, others: np.ndarray, similarities: np.ndarray, weights: np.ndarray):
        count = len(weights)
        self.starts = starts
        self.others = others
        self.similarities = similarities
        self.weights = weights
        self.lengths = np.full(count, NO_LIST, dtype=np.int64)
        self.covered = np.zeros(count)
        self.bounds = np.full(count, np.inf)
        self.exact = np.zeros(count, dtype=np.bool_)

    @property
    def state(self) -> tuple[np.ndarray, ...]:
        """What the compiled functions read and write."""
        lists = (self.starts, self.lengths, self.others, self.similarities)
        return (*lists, self.bounds, self.exact, self.covered, self.weights)

    def settle(self, tie: float) -> float:
        """Begin a step: sum the gains of rows that have a list and may win; the best of them, -1 for none."""
        self.exact[:] = False
        return float(_settle_lists(*self.state, tie))

    def winner(self, best: float, tie: float) -> int:
        """The lowest row whose gain is exact and within the tie of the best; it counts as picked from now on."""
        row = int(_lowest_winner(self.bounds, self.exact, self.weights, best, tie))
        self.bounds[row] = PICKED
        return row

    def cover(self, row: int) -> None:
        """Let a row that has a list represent those on it."""
        _cover_list(row, self.starts, self.lengths, self.others, self.similarities, self.covered)


@compiled()
def _lowest_winner(bounds: np.ndarray, exact: np.ndarray, weights: np.ndarray, best: float, tie: float) -> int:
    for row in range(len(bounds)):
        if exact[row] and reaches(bounds[row], best, row, weights, tie):
            return row
    return -1


@compiled()
def _settle_lists(
    starts: np.ndarray,
    lengths: np.ndarray,
    others: np.ndarray,
    similarities: np.ndarray,
    bounds: np.ndarray,
    exact: np.ndarray,
    covered: np.ndarray,
    weights: np.ndarray,
    tie: float,
) -> float:
    best = -1.0
    first = -1
    for row in range(len(bounds)):
        if lengths[row] >= 0 and bounds[row] >= 0.0 and (first < 0 or bounds[row] > bounds[first]):
            first = row
    if first < 0:
        return best
    for place in range(-1, len(bounds)):
        # The row of the best stale gain comes first: it raises the bar that lets most others be skipped.
        row = first if place < 0 else place
        if lengths[row] < 0 or exact[row] or bounds[row] < 0.0 or not reaches(bounds[row], best, row, weights, tie):
            continue
        start = starts[row]
        kept = 0
        gain = 0.0
        for entry in range(start, start + lengths[row]):
            other = others[entry]
            rest = similarities[entry] - covered[other]
            gain += rest if rest >= tie else 0.0
            others[start + kept] = other
            similarities[start + kept] = similarities[entry]
            kept += rest > 0.0
        lengths[row] = kept
        bounds[row] = gain * weights[row]
        exact[row] = True
        best = max(best, bounds[row])
    return best


@compiled()
def _cover_list(
    row: int,
    starts: np.ndarray,
    lengths: np.ndarray,
    others: np.ndarray,
    similarities: np.ndarray,
    covered: np.ndarray,
) -> None:
    for entry in range(starts[row], starts[row] + lengths[row]):
        other = others[entry]
        covered[other] = max(covered[other], similarities[entry])
