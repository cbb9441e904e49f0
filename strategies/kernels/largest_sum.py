"""Largest summed distance, exact and lazy: always take the row whose cosine distances to all picks sum to the most.

With unit rows u and the sum s of the picks so far, the distances of row x to k picks sum to k - u_x . s, so one
product tells where a row stands, up to rounding. A sum grows by at most 2 with a pick, so what it was bounds what it
is, and most rows are looked at only now and then. Rows within the rounding of the best are summed pick by pick, in
float64, on from where they were last summed: no distance is computed twice, and the picks are those of plain sums.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import TIE, Progress, checked_budget, checked_directions, checked_first
from strategies.kernels.compiling import compiled
from strategies.kernels.novelty_products import dot

PICKS_A_CALL = 64
# Far above what float64 sums of d products are off by, and far below what sets rows apart.
ROUNDING = 1e-9
PICKED = -1.0


def farthest(embeddings: np.ndarray, budget: int, *, first: int, progress: Progress | None = None) -> np.ndarray:
    """Pick rows one by one, each with the largest sum of cosine distances to all picks so far.

    `embeddings` is (n, d), float32 or float64, of rows of any length but 0; returns (budget,), int64, in the order
    picked, beginning with row `first`. Distances are 1 - cosine in float64; those under 1e-12 are 0, sums within
    1e-12 of the largest are ties, and the lowest row wins. Deterministic; 32 bytes a row beside the embeddings.
    Raises ValueError for a bad shape, value, budget or first row, and for a row of zeros. Source: Yang et al. (ACL
    2025), section 3.
    """
    rows, scales = checked_directions(embeddings, "embeddings")
    size = checked_budget(budget, len(rows))
    picks = np.empty(size, dtype=np.int64)
    picks[0] = checked_first(first, len(rows))
    bounds = np.zeros(len(rows))
    bounds[first] = PICKED
    sums = np.zeros(len(rows))
    summed = np.zeros(len(rows), dtype=np.int64)
    # How many picks there were when a row's bound was set.
    bounded = np.zeros(len(rows), dtype=np.int64)
    direction = rows[first] * scales[first]
    # Compiled code cannot be interrupted: it runs for some picks at a time.
    for start in range(1, size, PICKS_A_CALL):
        stop = min(start + PICKS_A_CALL, size)
        _largest_sums(rows, scales, picks, start, stop, bounds, bounded, sums, summed, direction, TIE, ROUNDING)
        if progress:
            progress(stop, size)
    return picks


@compiled()
def _largest_sums(
    rows: np.ndarray,
    scales: np.ndarray,
    picks: np.ndarray,
    first: int,
    last: int,
    bounds: np.ndarray,
    bounded: np.ndarray,
    sums: np.ndarray,
    summed: np.ndarray,
    direction: np.ndarray,
    tie: float,
    rounding: float,
) -> None:
    count = len(rows)
    for step in range(first, last):
        best = -1.0
        # The row that looks best comes first: it raises the bar that lets most others be skipped.
        start = 0
        highest = -1.0
        for row in range(count):
            reach = _reach(bounds, bounded, row, step)
            if bounds[row] >= 0.0 and reach > highest:
                start, highest = row, reach
        for place in range(-1, count):
            row = start if place < 0 else place
            if bounds[row] < 0.0 or _reach(bounds, bounded, row, step) < best:
                continue
            if bounded[row] < step:
                value = step - dot(rows[row], direction) * scales[row]
                bounds[row] = max(value, 0.0) + rounding * step
                bounded[row] = step
            best = max(best, bounds[row] - 2.0 * rounding * step)
        largest = -1.0
        for row in range(count):
            if bounded[row] == step and bounds[row] >= best:
                _sum_on(rows, scales, picks, step, row, sums, summed, tie)
                largest = max(largest, sums[row])
        for row in range(count):
            if bounded[row] == step and bounds[row] >= best and sums[row] >= largest * (1.0 - tie):
                picks[step] = row
                bounds[row] = PICKED
                for dimension in range(len(direction)):
                    direction[dimension] += rows[row, dimension] * scales[row]
                break


@compiled()
def _reach(bounds: np.ndarray, bounded: np.ndarray, row: int, step: int) -> float:
    """The most that a row's sum can be after `step` picks."""
    return bounds[row] + 2.0 * (step - bounded[row])


@compiled()
def _sum_on(
    rows: np.ndarray,
    scales: np.ndarray,
    picks: np.ndarray,
    step: int,
    row: int,
    sums: np.ndarray,
    summed: np.ndarray,
    tie: float,
) -> None:
    """Add the distances to the picks that were made since the row was last summed."""
    for place in range(summed[row], step):
        pick = picks[place]
        distance = 1.0 - dot(rows[row], rows[pick]) * scales[row] * scales[pick]
        if distance >= tie:
            sums[row] += distance
    summed[row] = step
