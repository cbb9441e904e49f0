"""What every kernel asks of its arrays."""

from __future__ import annotations

import numpy as np

TIE = 1e-12
"""Values within this share of the best are ties, and the lowest row wins; distances below it are 0."""


def checked_matrix(rows: np.ndarray, name: str) -> np.ndarray:
    """`rows` as a C-ordered float32 or float64 matrix; ValueError for another shape or a value that is no number."""
    matrix = np.asarray(rows)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{name} must be a matrix with at least one row, not of shape {matrix.shape}")
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float32)
    matrix = np.ascontiguousarray(matrix)
    if not np.isfinite(matrix).all():
        first = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise ValueError(f"{name} holds a value that is not a number, first in row {first}")
    return matrix


def checked_budget(budget: int, rows: int) -> int:
    """`budget` as an int between 1 and `rows`; ValueError otherwise."""
    if not 1 <= budget <= rows:
        raise ValueError(f"a budget must lie between 1 and the {rows} rows there are, not be {budget}")
    return int(budget)
