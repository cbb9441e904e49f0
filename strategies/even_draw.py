"""Drawing evenly over groups: what `k-means` and the oracle share."""

from __future__ import annotations

import numpy as np


def even_draw(groups: np.ndarray, budget: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows so that every group gives the same number, as far as it has them.

    `groups` (n,) holds a group number a row; returns (budget,), int64, in rounds: each round draws one unused row
    from every group that still has one, the groups in random order. Groups differ by at most one row, but for those
    that ran out.
    """
    shuffled = rng.permutation(len(groups))
    # The round of a row is its rank within its group, in shuffled order.
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    counts = np.bincount(groups[by_group] - groups.min())
    ends = np.cumsum(counts)
    rounds = np.arange(len(groups)) - np.repeat(ends - counts, counts)
    order = np.lexsort((rng.permutation(len(groups)), rounds))
    return by_group[order][:budget].astype(np.int64)
