"""Farthest-first traversal (Gonzalez, 1985), exact and lazy.

A row's distance to the nearest pick only falls as picks are added, so a stale value bounds it from above. In each
step only rows whose stale value lies above the best exact one catch up on the picks they missed, and they stop as
soon as they fall below it: about a sixth of all distances are ever computed.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import TIE, Progress, checked_budget, checked_first, checked_matrix
from strategies.kernels.compiling import compiled

PICKS_A_CALL = 64


def k_center(embeddings: np.ndarray, budget: int, *, first: int, progress: Progress | None = None) -> np.ndarray:
    """Pick rows one by one, each the farthest (Euclidean) from its nearest pick so far.

    `embeddings` is (n, d), float32 or float64; returns (budget,), int64, in the order picked, beginning with row
    `first`. Squared distances are sums of squared differences in float64; those under 1e-12 are 0, values within
    1e-12 of the largest are ties, and the lowest row wins. On rows of unit length the order is that of the cosine
    distance; a row of zeros is a point like any other. Where the budget exceeds the distinct points, the rest are the
    lowest rows left. Deterministic; 16 bytes a row beside the embeddings. Raises ValueError for a bad shape, value,
    budget or first row. Source: Gonzalez (1985); as a core set for learning, Sener and Savarese (ICLR 2018).
    """
    rows = checked_matrix(embeddings, "embeddings")
    size = checked_budget(budget, len(rows))
    picks = np.empty(size, dtype=np.int64)
    picks[0] = checked_first(first, len(rows))
    nearest = np.full(len(rows), np.inf)
    nearest[first] = -1.0
    seen = np.zeros(len(rows), dtype=np.int64)
    # Compiled code cannot be interrupted: it runs for some picks at a time.
    for start in range(1, size, PICKS_A_CALL):
        stop = min(start + PICKS_A_CALL, size)
        _farthest_first(rows, picks, start, stop, nearest, seen, TIE)
        if progress:
            progress(stop, size)
    return picks


@compiled()
def _farthest_first(
    rows: np.ndarray, picks: np.ndarray, first: int, last: int, nearest: np.ndarray, seen: np.ndarray, tie: float
) -> None:
    for step in range(first, last):
        # The row that looks farthest gives the bar that lets most others be skipped.
        start = np.argmax(nearest)
        best = _catch_up(rows, picks, step, start, nearest, seen, -1.0, tie)
        for row in range(len(rows)):
            if nearest[row] > best:
                best = max(best, _catch_up(rows, picks, step, row, nearest, seen, best, tie))
        bar = best * (1.0 - tie)
        for row in range(len(rows)):
            if nearest[row] >= bar and _catch_up(rows, picks, step, row, nearest, seen, bar, tie) >= bar:
                picks[step] = row
                nearest[row] = -1.0
                break


@compiled()
def _catch_up(
    rows: np.ndarray,
    picks: np.ndarray,
    step: int,
    row: int,
    nearest: np.ndarray,
    seen: np.ndarray,
    bar: float,
    tie: float,
) -> float:
    """Bring a row's distance up to date with the first `step` picks, or until it falls below `bar`."""
    value = nearest[row]
    place = seen[row]
    while place < step and value >= bar:
        distance = _squared_distance(rows[row], rows[picks[place]])
        if distance < tie:
            distance = 0.0
        value = min(value, distance)
        place += 1
    nearest[row] = value
    seen[row] = place
    return value


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _squared_distance(one: np.ndarray, other: np.ndarray) -> float:
    # Reassociation lets the sum use vector registers; differences keep near duplicates exact to the last digits.
    total = 0.0
    for dimension in range(one.shape[0]):
        difference = np.float64(one[dimension]) - np.float64(other[dimension])
        total += difference * difference
    return total
