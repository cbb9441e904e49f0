"""Greedy facility location, exact and lazy: over a kernel in memory, or over embeddings in bounded memory.

The value of a set S is the sum over all rows of their largest similarity to S. A pick's gain only falls as others
are picked, so a stale gain bounds it from above and most rows are never looked at again.

How a gain is evaluated is the business of `dense_gains` and `embedded_gains`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strategies.kernels.checks import TIE, checked_budget, checked_matrix
from strategies.kernels.dense_gains import DenseGains
from strategies.kernels.embedded_gains import EmbeddedGains

MEMORY = 1024 * 1024 * 1024


@dataclass(frozen=True)
class CosineSimilarity:
    """The kernel (1 + cosine) / 2 of unit rows (n, d), float32 or float64, never held in float32.

    `memory` (bytes) bounds what is held instead: the whole kernel in 16 bits where that fits (23,000 rows at the
    default of 1 GB), lists and blocks where it does not, which is about four times slower. The picks are the same.
    """

    embeddings: np.ndarray
    memory: int = MEMORY


def facility_location(
    similarity: np.ndarray | CosineSimilarity, budget: int, *, quality: np.ndarray | None = None
) -> np.ndarray:
    """Pick rows one by one, each with the largest gain in summed similarity of all rows to their nearest pick.

    `similarity` is a symmetric (n, n) kernel, not negative, or a CosineSimilarity of embeddings; returns (budget,),
    int64, in the order picked. Gains are summed in float64 in row order, parts of less than 1e-12 left out; gains
    within 1e-12 of the largest are ties, and the lowest row wins. `quality` (n,), not negative, multiplies the
    gains of its rows. Deterministic. Raises ValueError for a bad shape, value or budget. Source: Nemhauser et al.
    (1978); lazy evaluation after Minoux (1978); quality after QDIT (Bukharin et al., 2023).
    """
    if isinstance(similarity, CosineSimilarity):
        rows = checked_matrix(similarity.embeddings, "embeddings")
    else:
        rows = checked_matrix(similarity, "similarity")
        if rows.shape[0] != rows.shape[1]:
            raise ValueError(
                f"similarity must be square, not of shape {rows.shape}; wrap embeddings in CosineSimilarity"
            )
        if rows.min() < 0:
            raise ValueError("similarity must not be negative; (1 + cosine) / 2 never is")
    size = checked_budget(budget, len(rows))
    weights = _checked_quality(quality, len(rows))
    gains: DenseGains | EmbeddedGains
    if isinstance(similarity, CosineSimilarity):
        gains = EmbeddedGains(rows, weights, memory=similarity.memory)
    else:
        gains = DenseGains(rows, weights)
    picks = np.empty(size, dtype=np.int64)
    for step in range(size):
        picks[step] = gains.pick(TIE)
    return picks


def _checked_quality(quality: np.ndarray | None, rows: int) -> np.ndarray:
    if quality is None:
        return np.ones(rows)
    weights = np.ascontiguousarray(quality, dtype=np.float64)
    if weights.shape != (rows,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"quality must be {rows} numbers that are not negative")
    return weights
