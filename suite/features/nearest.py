"""The inner loop of nearest-neighbour density: numba, loaded by `knn_density` alone."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled


@compiled()
def mean_of_nearest(
    similarity: np.ndarray, rows: np.ndarray, others: np.ndarray, own: np.ndarray, neighbours: int, slack: float
) -> np.ndarray:
    """Mean squared distance of each row to its nearest others, shape (m,), float64.

    `similarity` (m, n) is a float32 product, minus infinity at `own` (the row's own place, -1 where it has none). One
    pass finds the K-th largest; every other within `slack` of it (twice the rounding, that of the K-th and its own,
    and what differing lengths hide) is measured in float64, and the K smallest of these distances count.
    """
    count, total = similarity.shape
    means = np.empty(count)
    for row in range(count):
        k = min(neighbours, total - (1 if own[row] >= 0 else 0))
        best = np.full(k, -np.inf, dtype=np.float32)
        for other in range(total):
            value = similarity[row, other]
            if value > best[0]:
                _replace_least(best, value)
        floor = best[0] - slack
        distances = np.full(k, np.inf)
        for other in range(total):
            if similarity[row, other] >= floor and other != own[row]:
                distance = 0.0
                for dimension in range(rows.shape[1]):
                    difference = np.float64(rows[row, dimension]) - np.float64(others[other, dimension])
                    distance += difference * difference
                if distance < distances[k - 1]:
                    _replace_largest(distances, distance)
        means[row] = distances.mean()
    return means


@compiled()
def _replace_least(ascending: np.ndarray, value: float) -> None:
    """Drop the first of an ascending array and insert `value` in order."""
    place = 0
    while place + 1 < len(ascending) and ascending[place + 1] < value:
        ascending[place] = ascending[place + 1]
        place += 1
    ascending[place] = value


@compiled()
def _replace_largest(ascending: np.ndarray, value: float) -> None:
    """Drop the last of an ascending array and insert `value` in order."""
    place = len(ascending) - 1
    while place > 0 and ascending[place - 1] > value:
        ascending[place] = ascending[place - 1]
        place -= 1
    ascending[place] = value
