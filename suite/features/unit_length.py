"""Rows scaled to length 1 in float64: what distances, densities and clusters are measured on."""

from __future__ import annotations

import numpy as np

from suite.errors import FeatureError


def unit_rows(embeddings: np.ndarray, of: str = "") -> np.ndarray:
    """Rows scaled to length 1 in float64, shape (m, d); FeatureError for bad shapes or values and rows of zeros.

    `of` is what errors call the rows, where there are several: " of the reference".
    """
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or not rows.size:
        raise FeatureError(f"Embeddings must be a matrix with at least one row, not of shape {rows.shape}.")
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise FeatureError(f"The embedding of row {first}{of} holds a value that is not a number.")
    lengths = np.linalg.norm(rows, axis=1)
    if not lengths.all():
        raise FeatureError(f"The embedding of row {int(np.argmin(lengths))}{of} is all zeros and has no direction.")
    return np.asarray(rows / lengths[:, None])


def directions(rows: np.ndarray) -> np.ndarray:
    """Rows (m, d), float64, scaled to length 1; those of zeros stay as they are."""
    lengths = np.linalg.norm(rows, axis=1)
    return np.asarray(rows / np.where(lengths == 0, 1.0, lengths)[:, None])
