"""Overlap of selections against chance: what two unrelated draws would share, and how surprising more or less is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

LATTICE_HALF = 0.5
"""Continuity correction: overlaps are whole numbers."""


@cache
def expected_jaccard(pool: int, first: int, second: int) -> float:
    """The mean Jaccard index of two unrelated draws of `first` and `second` different rows of a pool of `pool` rows.

    Exact: the rows in common follow the hypergeometric law. ValueError for a draw that is empty or does not fit.
    """
    if not (0 < first <= pool and 0 < second <= pool):
        raise ValueError(f"draws of {first} and {second} rows do not fit a pool of {pool}, or are empty")
    from scipy import stats  # here and below: it takes a second to import, and a page should start at once

    common = np.arange(max(0, first + second - pool), min(first, second) + 1)
    chances = stats.hypergeom.pmf(common, pool, first, second)
    return float(chances @ (common / (first + second - common)))


@dataclass(frozen=True)
class Shared:
    """What two families of draws have in common, as means over all pairs of a draw each.

    `shared` rows in common where unrelated draws would share `expected`; `jaccard` where they would have
    `chance_jaccard`.
    """

    shared: float
    expected: float
    jaccard: float
    chance_jaccard: float


def shared_rows(first: Sequence[np.ndarray], second: Sequence[np.ndarray], pool: int) -> Shared:
    """What the draws of two families share; each is the different rows it holds, int64, of a pool of `pool` rows.

    Raises ValueError without a draw on either side, and for one that is empty or does not fit the pool.
    """
    if not (first and second):
        raise ValueError("an overlap needs a draw on either side")
    drawn = [(len(a), len(b), len(np.intersect1d(a, b))) for a in first for b in second]
    return Shared(
        shared=float(np.mean([shared for _, _, shared in drawn])),
        expected=float(np.mean([a * b / pool for a, b, _ in drawn])),
        jaccard=float(np.mean([shared / (a + b - shared) for a, b, shared in drawn])),
        chance_jaccard=float(np.mean([expected_jaccard(pool, a, b) for a, b, _ in drawn])),
    )


def overlap_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of the rows that two families of selections share, were the families unrelated.

    `first` and `second`, shape (pool,), integers, say how many selections of a family hold each row. The statistic is
    the rows in common summed over all pairs of selections; under the null the pool's rows are relabelled at random for
    one family as a whole, so that what its own selections share with each other is kept. One selection each: exact
    (hypergeometric). Else: Pearson's type III curve with the permutation law's exact mean, variance and skewness
    (Mielke and Berry 2007, Permutation Methods, section 2.3). 1 where a family holds every row equally often: whatever
    the labels, the two then share as much.
    """
    from scipy import stats

    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 3:
        raise ValueError(f"two vectors of one length, at least 3, are wanted, not {first.shape} and {second.shape}")
    shared = float(first @ second)
    if first.max() <= 1 and second.max() <= 1:
        law = stats.hypergeom(len(first), int(first.sum()), int(second.sum()))
        return _two_sided(float(law.cdf(shared)), float(law.sf(shared - 1)))
    rows = len(first)
    mean = first.sum() * second.sum() / rows
    one, other = first - first.mean(), second - second.mean()
    variance = (one @ one) * (other @ other) / (rows - 1)
    if variance == 0:
        return 1.0
    third = (one**3).sum() * (other**3).sum() * rows / ((rows - 1) * (rows - 2))
    law = stats.pearson3(third / variance**1.5, loc=mean, scale=np.sqrt(variance))
    return _two_sided(float(law.cdf(shared + LATTICE_HALF)), float(law.sf(shared - LATTICE_HALF)))


def _two_sided(low: float, high: float) -> float:
    return min(1.0, 2 * min(low, high))
