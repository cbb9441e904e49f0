"""Greedy facility location, exact and lazy: over a kernel in memory, or over embeddings in bounded memory.

The value of a set S is the sum over all rows of their largest similarity to S. A pick's gain only falls as others
are picked, so a stale gain bounds it from above and most rows are never looked at again.

How a gain is evaluated is the business of `dense_gains`, `embedded_gains` and `neighbour_gains`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strategies.kernels.checks import TIE, Progress, checked_budget, checked_quality, checked_shape, checked_unit_rows
from strategies.kernels.dense_gains import DenseGains
from strategies.kernels.embedded_gains import EmbeddedGains
from strategies.kernels.neighbour_gains import NeighbourGains

MEMORY = 1024 * 1024 * 1024


@dataclass(frozen=True)
class CosineSimilarity:
    """The kernel (1 + cosine) / 2 of unit rows (n, d), float32 or float64, never held in float32.

    `memory` (bytes) bounds what is held instead: the whole kernel in 16 bits where that fits (23,000 rows at the
    default of 1 GB), lists and blocks where it does not. The picks are the same.
    """

    embeddings: np.ndarray
    memory: int = MEMORY


@dataclass(frozen=True)
class NeighbourSimilarity:
    """The same kernel with only each row's own entry and its `neighbours` nearest others, all else 0.

    A sparse kernel is another objective, not another way to the same picks: nobody but its nearest can represent a
    row. It takes 12 bytes an entry and one product of all pairs.
    """

    embeddings: np.ndarray
    neighbours: int


def facility_location(
    similarity: np.ndarray | CosineSimilarity | NeighbourSimilarity,
    budget: int,
    *,
    quality: np.ndarray | None = None,
    progress: Progress | None = None,
    prepared: Progress | None = None,
) -> np.ndarray:
    """Pick rows one by one, each with the largest gain in summed similarity of all rows to their nearest pick.

    `similarity` is a symmetric (n, n) kernel, not negative, or one of unit embeddings (CosineSimilarity, exact;
    NeighbourSimilarity, sparse); returns (budget,), int64, in the order picked. Gains are summed in float64,
    parts of less than 1e-12 left out; gains within 1e-12 of the largest (of 1 where it is below 1) are ties,
    and the lowest row wins: so it goes on in row order once every row is represented by itself. `quality` (n,), not
    negative, multiplies the gains of its rows, and that 1 as well: its scale does not matter, and one that is the same
    for all rows changes nothing. `progress` is called between picks; `prepared`, before the first, with the rows whose
    similarities are known and n, where an embedded kernel is measured as a whole. Deterministic. Raises ValueError for
    a bad shape, value or budget. Source: Nemhauser et al. (1978); lazy evaluation after Minoux (1978); quality after
    QDIT (Bukharin et al., 2023).
    """
    if isinstance(similarity, np.ndarray):
        rows = _checked_kernel(similarity)
    else:
        rows = checked_unit_rows(similarity.embeddings, "embeddings")
    size = checked_budget(budget, len(rows))
    weights = checked_quality(quality, len(rows))
    # A constant quality becomes 1 to the last bit, and the largest float64 does not overflow.
    gains = _gains(similarity, rows, weights / (weights.max() or 1.0), prepared)
    picks = np.empty(size, dtype=np.int64)
    # Compiled code cannot be interrupted: it runs for some picks at a time.
    for start in range(0, size, gains.picks_a_call):
        stop = min(start + gains.picks_a_call, size)
        gains.pick(picks[start:stop], TIE)
        if progress:
            progress(stop, size)
    return picks


def _gains(
    similarity: np.ndarray | CosineSimilarity | NeighbourSimilarity,
    rows: np.ndarray,
    weights: np.ndarray,
    prepared: Progress | None,
) -> DenseGains | EmbeddedGains | NeighbourGains:
    if isinstance(similarity, CosineSimilarity):
        return EmbeddedGains(rows, weights, memory=similarity.memory, prepared=prepared)
    if isinstance(similarity, NeighbourSimilarity):
        return NeighbourGains(rows, weights, neighbours=similarity.neighbours, prepared=prepared)
    return DenseGains(rows, weights)


def _checked_kernel(similarity: np.ndarray) -> np.ndarray:
    # Its values are checked with the sums of its rows, in one pass.
    rows = checked_shape(similarity, "similarity")
    if rows.shape[0] != rows.shape[1]:
        raise ValueError(f"similarity must be square, not of shape {rows.shape}; wrap embeddings in CosineSimilarity")
    return rows
