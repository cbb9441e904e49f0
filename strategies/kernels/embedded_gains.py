"""Lazy facility-location gains over (1 + cosine) / 2 of embeddings, without a float32 kernel in memory.

A *ceiling* is an upper bound of one similarity in 16 bits: the float32 product, plus all it may be off by, rounded
up. Sums of ceilings bound gains from above within about 1e-5 a row; only rows that may win are then summed in
float64, so the picks are those of float64 arithmetic. Ceilings are kept where they fit in memory (2 bytes a pair),
else computed again block by block. Once so few rows would profit from a candidate that they fit a list, the list
takes the place of its ceilings: it can only shrink.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PICKED = -1.0
SCALE = 65534.0
BLOCK_ROWS = 256
LONGEST_LIST = 512
SHORT_LIST = 64


class EmbeddedGains:
    """Gains over unit rows (n, d); `pick` takes the best row and covers with it."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray, *, memory: int):
        count, dimensions = rows.shape
        self.rows = rows
        self.single = rows.astype(np.float32, copy=False)
        self.weights = weights
        self.covered = np.zeros(count)
        # The first gains in closed form: the sum over i of (1 + x_i . x_j) / 2, and a little for rounding.
        self.bounds = weights * (count + rows @ rows.sum(axis=0, dtype=np.float64)) / 2 * (1 + 1e-6)
        # A float32 sum of d products of unit rows is off by at most d + 1 roundings, halved as the similarity is;
        # two more are for the conversion to 16 bits.
        self.slack = 0.5 * (dimensions + 5) * float(np.finfo(np.float32).eps)
        self.exact = np.zeros(count, dtype=np.bool_)
        self.ceilings = self._all_ceilings() if 2 * count * count <= memory else None
        self.block = int(np.clip(memory // 2 // (6 * count), 1, BLOCK_ROWS))
        # Where ceilings are at hand, only a short list is cheaper than another pass over them.
        longest = SHORT_LIST if self.ceilings is not None else LONGEST_LIST
        longest = int(np.clip(memory // 2 // (12 * count), 1, longest))
        self.lengths = np.full(count, -1, dtype=np.int64)
        self.listed = np.empty((count, longest), dtype=np.int32)
        self.similarities = np.empty((count, longest))

    def pick(self, tie: float) -> int:
        """The row of the largest gain (the lowest of ties); it is covered and never picked again."""
        self.exact[:] = False
        best = self._settle_lists(tie)
        while True:
            waiting = np.flatnonzero(~self.exact & (self.bounds >= max(best * (1 - tie), 0.0)))
            if not len(waiting):
                break
            # Best bounds first: the sooner a large gain is known, the fewer rows are summed.
            if len(waiting) > self.block:
                waiting = waiting[np.argpartition(-self.bounds[waiting], self.block - 1)[: self.block]]
            waiting = waiting[np.argsort(-self.bounds[waiting], kind="stable")]
            if self.ceilings is None:
                best = self._settle(waiting, self._ceilings(waiting, 0), np.arange(len(waiting)), best, tie)
            else:
                best = self._settle(waiting, self.ceilings, waiting, best, tie)
        winner = int(np.flatnonzero(self.exact & (self.bounds >= best * (1 - tie)))[0])
        self.bounds[winner] = PICKED
        ceiling = self._ceilings([winner], 0)[0] if self.ceilings is None else self.ceilings[winner]
        _cover(winner, ceiling, self.rows, self.covered)
        return winner

    def _settle_lists(self, tie: float) -> float:
        state = (self.bounds, self.exact, self.lengths, self.listed, self.similarities)
        return float(_settle_lists(*state, self.covered, self.weights, tie))

    def _settle(
        self, candidates: np.ndarray, ceilings: np.ndarray, places: np.ndarray, best: float, tie: float
    ) -> float:
        state = (self.bounds, self.exact, self.lengths, self.listed, self.similarities)
        given = (candidates, ceilings, places, self.rows, *state, self.covered, self.weights)
        return float(_settle(*given, best, tie))

    def _ceilings(self, rows: np.ndarray | slice | list[int], start: int) -> np.ndarray:
        similarity = self.single[rows] @ self.single[start:].T
        similarity *= np.float32(0.5 * SCALE)
        similarity += np.float32((0.5 + self.slack) * SCALE + 1.0)
        return np.clip(similarity, 0.0, 65535.0, out=similarity).astype(np.uint16)

    def _all_ceilings(self) -> np.ndarray:
        count = len(self.rows)
        ceilings = np.empty((count, count), dtype=np.uint16)
        for start in range(0, count, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, count)
            # The kernel is symmetric: half of it is computed, the other half is copied.
            ceilings[start:stop, start:] = self._ceilings(slice(start, stop), start)
            ceilings[stop:, start:stop] = ceilings[start:stop, stop:].T
        return ceilings


@njit(cache=True)
def _settle_lists(
    bounds: np.ndarray,
    exact: np.ndarray,
    lengths: np.ndarray,
    listed: np.ndarray,
    similarities: np.ndarray,
    covered: np.ndarray,
    weights: np.ndarray,
    tie: float,
) -> float:
    """Sum the gains of rows that have a list and may win; the best of them, -1 where there is none."""
    best = -1.0
    start = -1
    for row in range(len(bounds)):
        if lengths[row] >= 0 and bounds[row] >= 0.0 and (start < 0 or bounds[row] > bounds[start]):
            start = row
    if start < 0:
        return best
    for place in range(-1, len(bounds)):
        row = start if place < 0 else place
        if lengths[row] < 0 or exact[row] or bounds[row] < 0.0 or bounds[row] < best * (1.0 - tie):
            continue
        kept = 0
        gain = 0.0
        for entry in range(lengths[row]):
            other = listed[row, entry]
            rest = similarities[row, entry] - covered[other]
            if rest >= tie:
                gain += rest
                listed[row, kept] = other
                similarities[row, kept] = similarities[row, entry]
                kept += 1
        lengths[row] = kept
        bounds[row] = gain * weights[row]
        exact[row] = True
        best = max(best, bounds[row])
    return best


@njit(cache=True)
def _settle(
    candidates: np.ndarray,
    ceilings: np.ndarray,
    places: np.ndarray,
    rows: np.ndarray,
    bounds: np.ndarray,
    exact: np.ndarray,
    lengths: np.ndarray,
    listed: np.ndarray,
    similarities: np.ndarray,
    covered: np.ndarray,
    weights: np.ndarray,
    best: float,
    tie: float,
) -> float:
    """Bound the gains of `candidates` by their ceilings; sum in float64 those that may win or fit a list."""
    for number in range(len(candidates)):
        row = candidates[number]
        ceiling = ceilings[places[number]]
        bound, reached = _bound(ceiling, covered)
        bounds[row] = min(bounds[row], bound * (1.0 + 1e-9) * weights[row])
        fits = reached <= listed.shape[1]
        if not fits and bounds[row] < best * (1.0 - tie):
            continue
        gain = 0.0
        kept = 0
        for other in range(len(covered)):
            if ceiling[other] * (1.0 / SCALE) > covered[other]:
                similarity = _similarity(rows[row], rows[other])
                if similarity - covered[other] >= tie:
                    gain += similarity - covered[other]
                    if fits:
                        listed[row, kept] = other
                        similarities[row, kept] = similarity
                        kept += 1
        if fits:
            lengths[row] = kept
        bounds[row] = gain * weights[row]
        exact[row] = True
        best = max(best, bounds[row])
    return best


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _bound(ceiling: np.ndarray, covered: np.ndarray) -> tuple[float, int]:
    bound = 0.0
    reached = 0
    for other in range(len(covered)):
        rest = ceiling[other] * (1.0 / SCALE) - covered[other]
        bound += max(rest, 0.0)
        reached += rest > 0.0
    return bound, reached


@njit(cache=True)
def _cover(pick: int, ceiling: np.ndarray, rows: np.ndarray, covered: np.ndarray) -> None:
    for other in range(len(rows)):
        if ceiling[other] * (1.0 / SCALE) > covered[other]:
            covered[other] = max(covered[other], _similarity(rows[pick], rows[other]))


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _similarity(one: np.ndarray, other: np.ndarray) -> float:
    # Products commute, so the kernel is symmetric to the last bit; equal rows give equal sums.
    total = 0.0
    for dimension in range(one.shape[0]):
        total += np.float64(one[dimension]) * np.float64(other[dimension])
    return 0.5 + 0.5 * total
