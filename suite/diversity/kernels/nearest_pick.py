"""The distance from each sample to its nearest pick, among candidates."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled


@compiled()
def nearest_distances(rows: np.ndarray, picked: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Half the squared distance of each row (b, d) to the nearest of its candidates, shape (b,), float64.

    `candidates` are places in the flattened (b, m) matrix of rows by `picked` (m, d); a row without one has an
    infinite distance. Half the squared distance of unit rows is 1 - cosine.
    """
    nearest = np.full(len(rows), np.inf)
    for place in candidates:
        row, pick = place // len(picked), place % len(picked)
        distance = 0.0
        for dimension in range(rows.shape[1]):
            difference = np.float64(rows[row, dimension]) - np.float64(picked[pick, dimension])
            distance += difference * difference
        nearest[row] = min(nearest[row], 0.5 * distance)
    return nearest
