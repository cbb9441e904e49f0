"""All pairs of a selection in blocks: cosine distances that keep their digits near duplicates, never m x m at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from suite.features import Progress, no_progress

BLOCK_BYTES = 32 * 1024 * 1024
# A float64 product is off by some 1e-16: above this distance that is under 1e-9 of it.
NEAR = 1e-6
ZERO = 1e-12


def cosine_distances(
    unit: np.ndarray, progress: Progress = no_progress, *, later_only: bool = False
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of the m x m matrix of 1 - cosine: (first row, distances (b, m) float64), free to be overwritten.

    A block is valid until the next is asked for. `unit` (m, d) are unit rows in float64. Distances under 1e-6 are
    measured again from the differences, those under 1e-12 are 0: a row's distance to itself and to its exact copies
    is 0. With `later_only` a block holds the distances to rows first, first + 1, ... alone, (b, m - first): half the
    work for a symmetric sum.
    """
    from suite.diversity.kernels.near_pairs import measure_pairs

    count = len(unit)
    block = min(count, max(1, BLOCK_BYTES // (8 * count)))
    # One block of memory for all: fresh pages cost as much as the product itself.
    memory = np.empty(block * count)
    for start in range(0, count, block):
        stop = min(start + block, count)
        others = unit[start:] if later_only else unit
        distances = memory[: (stop - start) * len(others)].reshape(stop - start, len(others))
        np.matmul(unit[start:stop], others.T, out=distances)
        np.subtract(1.0, distances, out=distances)
        near = np.flatnonzero(distances < NEAR)
        measure_pairs(distances, near, others, 0 if later_only else start, ZERO)
        yield start, distances
        progress(stop, count)


def hide_self(start: int, distances: np.ndarray) -> None:
    """Set each row's distance to itself to infinity, in place."""
    own = np.arange(len(distances))
    distances[own, start + own] = np.inf
