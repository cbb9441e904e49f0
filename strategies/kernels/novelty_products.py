"""Products of rows with picks, for `novelselect` and its replay; `dot` for `farthest`, too."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled


@compiled()
def value_of(
    row: np.ndarray, own: float, chosen: np.ndarray, densities: np.ndarray, weights: np.ndarray, tie: float
) -> float:
    """A row's value in float64, one pair at a time; `chosen` (k, d) holds the picks in any order."""
    scaled = scaled_distances(row, own, chosen, densities, tie)
    value = 0.0
    for rank in range(len(scaled)):
        value += weights[rank] * scaled[rank]
    return value


@compiled()
def scaled_distances(row: np.ndarray, own: float, chosen: np.ndarray, densities: np.ndarray, tie: float) -> np.ndarray:
    """The density-weighted distances of a row (d,) to picks (k, d), ascending: (k,), float64, those under `tie` 0."""
    scaled = np.empty(len(chosen))
    for place in range(len(chosen)):
        distance = 1.0 - dot(row, chosen[place])
        scaled[place] = (own + densities[place]) * (distance if distance >= tie else 0.0)
    scaled.sort()
    return scaled


@compiled(fastmath={"reassoc", "nsz", "contract"})
def dot(one: np.ndarray, other: np.ndarray) -> float:
    """The product of two rows, float32 or float64, in float64."""
    total = np.float64(one[0]) * np.float64(other[0])
    for dimension in range(1, one.shape[0]):
        total += np.float64(one[dimension]) * np.float64(other[dimension])
    return total


@compiled(fastmath={"reassoc", "nsz", "contract"})
def dots(one: np.ndarray, others: np.ndarray, products: np.ndarray) -> None:
    """The products of a row (d,) with others (k, d), into `products` (k,)."""
    for place in range(others.shape[0]):
        total = 0.0
        for dimension in range(one.shape[0]):
            total += one[dimension] * others[place, dimension]
        products[place] = total


@compiled(fastmath={"reassoc", "nsz", "contract"})
def two_dots(one: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The products of a row (d,) with two others (2, d) in one pass."""
    first = one[0] * others[0, 0]
    second = one[0] * others[1, 0]
    for dimension in range(1, one.shape[0]):
        first += one[dimension] * others[0, dimension]
        second += one[dimension] * others[1, dimension]
    return first, second


@compiled(fastmath={"reassoc", "nsz", "contract"})
def squared_distances(ones: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The squared Euclidean distances of two pairs of rows, both arrays (2, d), in one pass."""
    first = 0.0
    second = 0.0
    for dimension in range(ones.shape[1]):
        first += (ones[0, dimension] - others[0, dimension]) ** 2
        second += (ones[1, dimension] - others[1, dimension]) ** 2
    return first, second
