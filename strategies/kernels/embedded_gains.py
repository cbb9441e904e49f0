"""Lazy facility-location gains over (1 + cosine) / 2 of embeddings, without a float32 kernel in memory.

A *ceiling* is an upper bound of one similarity in 16 bits: the float32 product, plus all it may be off by, rounded
up. Sums of ceilings bound gains from above within about 1e-5 a row; only rows that may win are then summed in
float64, so the picks are those of float64 arithmetic. Ceilings are kept where they fit in memory (2 bytes a pair),
else computed again block by block, best bounds first. Once so few rows would profit from a candidate that they fit
a list, the list takes the place of its ceilings. After k picks a candidate has about n / k rows left to serve, so
after some tens of picks hardly any product is computed: three to four times n^2 d in all, whatever the budget.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import Progress
from strategies.kernels.compiling import compiled
from strategies.kernels.gain_lists import GainLists, reaches

SCALE = 65534.0
BLOCK_ROWS = 256
FIRST_BLOCK_ROWS = 32
ENTRY_BYTES = 12
LONGEST_LIST = 4096
LONGEST_LIST_BESIDE_CEILINGS = 64


class EmbeddedGains:
    """Gains over unit rows (n, d); `pick` takes the best row and covers with it."""

    picks_a_call = 1

    def __init__(self, rows: np.ndarray, weights: np.ndarray, *, memory: int, prepared: Progress | None = None):
        count, dimensions = rows.shape
        self.rows = rows
        self.single = rows.astype(np.float32, copy=False)
        # A float32 sum of d products of unit rows is off by at most d + 1 roundings, halved as the similarity is;
        # two more are for the conversion to 16 bits.
        self.slack = 0.5 * (dimensions + 5) * float(np.finfo(np.float32).eps)
        self.ceilings = self._all_ceilings(prepared) if 2 * count * count <= memory else None
        self.block = int(np.clip(memory // 2 // (6 * count), 1, BLOCK_ROWS))
        # Where ceilings are at hand, only a short list is cheaper than another pass over them.
        longest = LONGEST_LIST if self.ceilings is None else LONGEST_LIST_BESIDE_CEILINGS
        longest = int(np.clip(memory // 2 // (ENTRY_BYTES * count), 1, min(longest, count)))
        # Pages of these are taken as lists are written; most lists are far shorter than the longest.
        others, similarities = np.empty(count * longest, dtype=np.int32), np.empty(count * longest)
        self.lists = GainLists(np.arange(count) * longest, others, similarities, weights)
        self.longest = longest
        # The first gains in closed form: the sum over i of (1 + x_i . x_j) / 2, and a little for rounding.
        self.lists.bounds[:] = weights * (count + rows @ rows.sum(axis=0, dtype=np.float64)) / 2 * (1 + 1e-6)

    def pick(self, picks: np.ndarray, tie: float) -> None:
        """Fill `picks` with the rows of the largest gains (the lowest of ties), one after the other."""
        for step in range(len(picks)):
            picks[step] = self._best(tie)

    def _best(self, tie: float) -> int:
        lists = self.lists
        best = lists.settle(tie)
        block = self.block if self.ceilings is not None else min(self.block, FIRST_BLOCK_ROWS)
        while True:
            waiting = _may_win(lists.bounds, lists.exact, lists.weights, best, tie)
            if not len(waiting):
                break
            # Best bounds first: the sooner a large gain is known, the fewer rows are summed.
            if len(waiting) > block:
                waiting = waiting[np.argpartition(-lists.bounds[waiting], block - 1)[:block]]
            waiting = waiting[np.argsort(-lists.bounds[waiting], kind="stable")]
            if self.ceilings is None:
                ceilings, places = self._ceilings(waiting, 0), np.arange(len(waiting))
            else:
                ceilings, places = self.ceilings, waiting
            best = float(_settle(waiting, ceilings, places, self.rows, self.longest, *lists.state, best, tie))
            block = min(2 * block, self.block)
        winner = lists.winner(best, tie)
        if lists.lengths[winner] >= 0:
            lists.cover(winner)
        else:
            ceiling = self._ceilings([winner], 0)[0] if self.ceilings is None else self.ceilings[winner]
            _cover(winner, ceiling, self.rows, lists.covered)
        return winner

    def _ceilings(self, rows: np.ndarray | slice | list[int], start: int) -> np.ndarray:
        similarity = self.single[rows] @ self.single[start:].T
        similarity *= np.float32(0.5 * SCALE)
        similarity += np.float32((0.5 + self.slack) * SCALE + 1.0)
        return np.clip(similarity, 0.0, 65535.0, out=similarity).astype(np.uint16)

    def _all_ceilings(self, progress: Progress | None) -> np.ndarray:
        count = len(self.rows)
        ceilings = np.empty((count, count), dtype=np.uint16)
        for start in range(0, count, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, count)
            # The kernel is symmetric: half of it is computed, the other half is copied.
            ceilings[start:stop, start:] = self._ceilings(slice(start, stop), start)
            ceilings[stop:, start:stop] = ceilings[start:stop, stop:].T
            if progress:
                progress(stop, count)
        return ceilings


@compiled()
def _may_win(bounds: np.ndarray, exact: np.ndarray, weights: np.ndarray, best: float, tie: float) -> np.ndarray:
    """The rows whose gain is not known in this step, and whose bound lets them be picked."""
    rows = np.empty(len(bounds), dtype=np.int64)
    count = 0
    for row in range(len(bounds)):
        if not exact[row] and bounds[row] >= 0.0 and reaches(bounds[row], best, row, weights, tie):
            rows[count] = row
            count += 1
    return rows[:count]


@compiled()
def _settle(
    candidates: np.ndarray,
    ceilings: np.ndarray,
    places: np.ndarray,
    rows: np.ndarray,
    longest: int,
    starts: np.ndarray,
    lengths: np.ndarray,
    others: np.ndarray,
    similarities: np.ndarray,
    bounds: np.ndarray,
    exact: np.ndarray,
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
        fits = reached <= longest
        if not fits and not reaches(bounds[row], best, row, weights, tie):
            continue
        gain = 0.0
        kept = 0
        for other in range(len(covered)):
            if ceiling[other] * (1.0 / SCALE) > covered[other]:
                similarity = cosine_similarity(rows[row], rows[other])
                rest = similarity - covered[other]
                gain += rest if rest >= tie else 0.0
                if fits and rest > 0.0:
                    others[starts[row] + kept] = other
                    similarities[starts[row] + kept] = similarity
                    kept += 1
        if fits:
            lengths[row] = kept
        bounds[row] = gain * weights[row]
        exact[row] = True
        best = max(best, bounds[row])
    return best


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _bound(ceiling: np.ndarray, covered: np.ndarray) -> tuple[float, int]:
    bound = 0.0
    reached = 0
    for other in range(len(covered)):
        rest = ceiling[other] * (1.0 / SCALE) - covered[other]
        bound += max(rest, 0.0)
        reached += rest > 0.0
    return bound, reached


@compiled()
def _cover(pick: int, ceiling: np.ndarray, rows: np.ndarray, covered: np.ndarray) -> None:
    for other in range(len(rows)):
        if ceiling[other] * (1.0 / SCALE) > covered[other]:
            covered[other] = max(covered[other], cosine_similarity(rows[pick], rows[other]))


@compiled(fastmath={"reassoc", "nsz", "contract"})
def cosine_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """(1 + cosine) / 2 of two unit rows in float64."""
    # Products commute, so the kernel is symmetric to the last bit; equal rows give equal sums.
    total = 0.0
    for dimension in range(one.shape[0]):
        total += np.float64(one[dimension]) * np.float64(other[dimension])
    return 0.5 + 0.5 * total
