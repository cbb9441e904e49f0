"""What every kernel asks of its arrays, and how it tells how far it is."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

Progress = Callable[[int, int], None]
"""Called as progress(done, total) between picks."""
TIE = 1e-12
"""Values within this share of the best are ties, and the lowest row wins; distances below it are 0."""
UNIT = 1e-5
"""How far the squared length of a unit row may lie from 1: well above what float32 rounding leaves."""


def checked_shape(rows: np.ndarray, name: str) -> np.ndarray:
    """`rows` as a C-ordered float32 or float64 matrix (other dtypes become float32); ValueError for another shape."""
    matrix = np.asarray(rows)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{name} must be a matrix with at least one row, not of shape {matrix.shape}")
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float32)
    return np.ascontiguousarray(matrix)


def checked_matrix(rows: np.ndarray, name: str) -> np.ndarray:
    """As `checked_shape`; ValueError for a value that is no number."""
    matrix = checked_shape(rows, name)
    if not np.isfinite(matrix).all():
        first = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise ValueError(f"{name} holds a value that is not a number, first in row {first}")
    return matrix


def checked_unit_rows(rows: np.ndarray, name: str) -> np.ndarray:
    """As `checked_matrix`, of rows of length 1; ValueError names the first that is not, such as a row of zeros."""
    matrix = checked_matrix(rows, name)
    squares = squared_lengths(matrix)
    if (np.abs(squares - 1.0) > UNIT).any():
        first = int(np.flatnonzero(np.abs(squares - 1.0) > UNIT)[0])
        raise ValueError(
            f"{name} must have rows of length 1, but row {first} has length {np.sqrt(squares[first]):.6g}; divide each "
            "row by its length, in float32 or float64"
        )
    return matrix


def checked_directions(rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """As `checked_matrix`, with one over each row's length, float64; ValueError names the first row of zeros."""
    matrix = checked_matrix(rows, name)
    squares = squared_lengths(matrix)
    if not (squares > 0).all():
        raise ValueError(f"{name} must have rows with a direction, but row {int(np.argmin(squares))} is all zeros")
    return matrix, 1.0 / np.sqrt(squares)


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """Squared length of each row, in float64."""
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)


def checked_budget(budget: int, rows: int) -> int:
    """`budget` as an int between 1 and `rows`; ValueError otherwise."""
    if not 1 <= budget <= rows:
        raise ValueError(f"a budget must lie between 1 and the {rows} rows there are, not be {budget}")
    return _whole(budget, "a budget")


def checked_first(first: int, rows: int) -> int:
    """`first` as a row position; ValueError otherwise."""
    if not 0 <= first < rows:
        raise ValueError(f"the first row must lie between 0 and {rows - 1}, not be {first}")
    return _whole(first, "the first row")


def checked_power(power: float, name: str) -> float:
    """`power`; ValueError unless it is finite and not negative."""
    if not 0.0 <= power < np.inf:
        raise ValueError(f"{name} must be a number that is not negative, not {power}")
    return power


def checked_weights(values: np.ndarray, rows: int, name: str) -> np.ndarray:
    """`values` as float64 (rows,); ValueError unless all are finite and none is negative."""
    weights = np.ascontiguousarray(values, dtype=np.float64)
    if weights.shape != (rows,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{name} must be {rows} numbers that are not negative")
    return weights


def checked_quality(quality: np.ndarray | None, rows: int) -> np.ndarray:
    """As `checked_weights`; every row is worth 1 where there is none."""
    return np.ones(rows) if quality is None else checked_weights(quality, rows, "quality")


def _whole(number: int, what: str) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise ValueError(f"{what} must be a whole number, not {number}") from None
