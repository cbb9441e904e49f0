"""A random draw that is skewed over the parts of the pool: the lopsided selections of the NovelSum protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from strategies.clusters import cluster_labels
from suite.errors import SelectionError
from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("skewed", level="baseline", paper="after Yang et al. (ACL 2025)", cost="n clusters d")
@dataclass(frozen=True)
class Skewed(Strategy):
    """Draw at random with shares of the pool's parts that fall as a power of their rank (Zipf).

    Parts are k-means clusters of the embeddings of `view` (`by=cluster`), or the pool's sources (`by=source`). `rng`
    orders them, and the part of rank r is meant to give a share in proportion to r ** -power: 0 is even over parts,
    a large power takes one part alone. A part that has fewer rows than its share gives all of them, and the rest is
    shared out over the others in the same proportions. Zipf's law, and clusters for a pool that states no sources,
    are our reading of the protocol's skewed sources. SelectionError for `by=source` on a pool of one source, which
    has nothing to skew.
    """

    formula: ClassVar[str] = r"|S \cap P_r| \propto r^{-\alpha} \quad \text{for the part } P_r \text{ of rank } r"

    by: Literal["cluster", "source"] = "cluster"
    power: float = 1.0
    clusters: int = 20
    view: View = "both"

    degenerate: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.power < np.inf:
            raise ValueError(f"power must be a finite number that is not negative, not {self.power}")
        if self.clusters < 2:
            raise ValueError(f"clusters must be at least 2, not {self.clusters}")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view where parts are clusters."""
        return (Embeddings(view=self.view),) if self.by == "cluster" else ()

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in random order, shape (budget,), int64."""
        labels = self._parts(pool, features, rng)
        sizes = np.bincount(labels)
        order = rng.permutation(len(sizes))
        counts = np.zeros_like(sizes)
        counts[order] = skewed_counts(sizes[order], budget, self.power)
        shuffled = rng.permutation(len(labels))
        # The first `counts` rows of each part in shuffled order: its rank within the part says which they are.
        by_part = shuffled[np.argsort(labels[shuffled], kind="stable")]
        starts = np.cumsum(sizes) - sizes
        rank = np.empty(len(labels), dtype=np.int64)
        rank[by_part] = np.arange(len(labels)) - np.repeat(starts, sizes)
        return shuffled[rank[shuffled] < counts[labels[shuffled]]].astype(np.int64)

    def _parts(self, pool: Pool, features: Features, rng: np.random.Generator) -> np.ndarray:
        if self.by == "cluster":
            embeddings = np.asarray(features[Embeddings(view=self.view)])
            return cluster_labels(embeddings, self.clusters, rng, progress=features.progress)
        names, labels = np.unique(pool.table.column("source").to_pylist(), return_inverse=True)
        if len(names) < 2:
            raise SelectionError(
                f"The pool has one source ({str(names[0])!r}): there is nothing to skew. Write skewed:by=cluster."
            )
        return labels.astype(np.int64)


def skewed_counts(sizes: np.ndarray, budget: int, power: float) -> np.ndarray:
    """How many rows each part gives, shape (parts,), int64; they sum to the budget and none exceeds its size.

    `sizes` (parts,) holds the rows of each part, ordered by rank. Shares fall as rank ** -power among the parts that
    still have rows; whole numbers come by largest remainder, ties going to the lower rank.
    """
    log_ranks = np.log(np.arange(1, len(sizes) + 1))
    counts = np.zeros(len(sizes), dtype=np.int64)
    while (left := budget - int(counts.sum())) > 0:
        open_parts = np.flatnonzero(counts < sizes)
        # Relative to the first part that has rows, so that a large power cannot take every weight to 0.
        weights = np.exp(-power * (log_ranks[open_parts] - log_ranks[open_parts[0]]))
        ideal = left * weights / weights.sum()
        given = np.floor(ideal).astype(np.int64)
        remainder_order = np.argsort(given - ideal, kind="stable")
        given[remainder_order[: left - int(given.sum())]] += 1
        counts[open_parts] = np.minimum(counts[open_parts] + given, sizes[open_parts])
    return counts
