"""What every function of this package checks first: columns of finite numbers, of one length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def finite_column(values: ArrayLike, name: str) -> np.ndarray:
    """`values` as float64 of shape (n,). Raises ValueError naming the first position that is no finite number."""
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} must be a column of numbers, not an array of shape {column.shape}")
    wrong = np.flatnonzero(~np.isfinite(column))
    if len(wrong):
        raise ValueError(f"{name}[{wrong[0]}] is {column[wrong[0]]}, and {len(wrong)} of {len(column)} are not finite")
    return column


def paired_columns(x: ArrayLike, y: ArrayLike, names: tuple[str, str] = ("x", "y")) -> tuple[np.ndarray, np.ndarray]:
    """Two finite columns of one length. Raises ValueError saying what is wrong with which."""
    first, second = finite_column(x, names[0]), finite_column(y, names[1])
    if len(first) != len(second):
        raise ValueError(f"{names[0]} has {len(first)} values and {names[1]} {len(second)}; they must be pairs")
    return first, second


def cluster_codes(clusters: Sequence[object] | np.ndarray | None, n: int) -> np.ndarray:
    """The cluster of each row as an integer from 0, shape (n,), int64; every row its own where none are given."""
    if clusters is None:
        return np.arange(n)
    labels = [str(label) for label in clusters]
    if len(labels) != n:
        raise ValueError(f"there are {len(labels)} cluster labels for {n} rows")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
