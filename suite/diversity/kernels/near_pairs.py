"""Distances of near duplicates, where a matrix product has no digits left."""

from __future__ import annotations

import numpy as np
from numba import njit

CHUNK = 64


@njit(cache=True)
def measure_near_pairs(distances: np.ndarray, rows: np.ndarray, start: int, near: float, zero: float) -> None:
    """Measure every cosine distance under `near` again, in place, as half the squared distance of the unit rows.

    `distances` (b, m) are those of `rows[start:start + b]` to all `rows` (m, d), all float64. What comes out under
    `zero` is set to 0.
    """
    count = distances.shape[1]
    for one in range(distances.shape[0]):
        for left in range(0, count, CHUNK):
            right = min(left + CHUNK, count)
            # Counting without a branch runs eight distances at a time; few chunks hold a near one.
            found = 0
            for other in range(left, right):
                found += distances[one, other] < near
            if found:
                for other in range(left, right):
                    if distances[one, other] < near:
                        distances[one, other] = _half_squared_distance(rows[start + one], rows[other], zero)


@njit(cache=True)
def _half_squared_distance(one: np.ndarray, other: np.ndarray, zero: float) -> float:
    total = 0.0
    for dimension in range(len(one)):
        difference = one[dimension] - other[dimension]
        total += difference * difference
    return 0.5 * total if 0.5 * total >= zero else 0.0
