"""Distances of near duplicates, where a matrix product has no digits left."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled


@compiled()
def measure_pairs(distances: np.ndarray, pairs: np.ndarray, rows: np.ndarray, start: int, zero: float) -> None:
    """Measure the cosine distances at `pairs` again, in place, as half the squared distance of the unit rows.

    `distances` (b, m) are those of `rows[start:start + b]` to all `rows` (m, d), all float64; `pairs` are places in
    its flattened form. What comes out under `zero` is set to 0.
    """
    for place in pairs:
        one, other = place // len(rows), place % len(rows)
        total = 0.0
        for dimension in range(rows.shape[1]):
            difference = rows[start + one, dimension] - rows[other, dimension]
            total += difference * difference
        distances[one, other] = 0.5 * total if 0.5 * total >= zero else 0.0
