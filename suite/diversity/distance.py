"""Distance-based diversity: how far picked samples lie from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.pairs import ZERO, cosine_distances, hide_self
from suite.diversity.reading import EmbeddingMetric
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection


def mean_cosine_distance(unit: np.ndarray) -> float:
    """Mean of 1 - cosine over all pairs of unit rows (m, d), through the sum of the rows: no pair is looked at."""
    count = len(unit)
    total = unit.sum(axis=0)
    distance = 1.0 - float(total @ total - count) / (count * (count - 1))
    return distance if distance >= ZERO else 0.0


@register(
    "dist-sum-cosine",
    family="distance",
    paper="Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="k d",
    deterministic=True,
)
@dataclass(frozen=True)
class CosineDistanceSum(EmbeddingMetric):
    """Mean cosine distance over all pairs of picks; higher is more diverse.

    The paper's sum over pairs, divided by their number. The same formula as `embedding-distance`, which stands for
    M2M's measure: at equal view both give the same number. Picks that are all alike give 0; one pick has no value.
    """

    formula: ClassVar[str] = r"\frac{2}{m (m - 1)} \sum_{i < j} \left( 1 - \cos(i, j) \right)"

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean over k (k - 1) / 2 pairs; SelectionError for a single pick."""
        return mean_cosine_distance(self.unit_rows(selection, features, at_least=2))


@register(
    "embedding-distance",
    family="post-hoc",
    paper="M2M, arXiv 2505.24768, post-hoc measures",
    cost="k d",
    deterministic=True,
)
@dataclass(frozen=True)
class EmbeddingDistance(EmbeddingMetric):
    """Mean cosine distance over all pairs of picks; higher is more diverse.

    The same formula as `dist-sum-cosine`; M2M reads it per view, on instructions and on responses. Picks that are
    all alike give 0; one pick has no value.
    """

    formula: ClassVar[str] = r"\frac{2}{m (m - 1)} \sum_{i < j} \left( 1 - \cos(i, j) \right)"

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean over k (k - 1) / 2 pairs; SelectionError for a single pick."""
        return mean_cosine_distance(self.unit_rows(selection, features, at_least=2))


@register(
    "dist-sum-l2",
    family="distance",
    paper="Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="k^2 d",
    deterministic=True,
)
@dataclass(frozen=True)
class EuclideanDistanceSum(EmbeddingMetric):
    """Mean Euclidean distance over all pairs of picks (unit rows); higher is more diverse.

    The paper's sum over pairs, divided by their number. Between unit rows it is sqrt(2 (1 - cosine)). Picks that are
    all alike give 0; one pick has no value.
    """

    formula: ClassVar[str] = r"\frac{2}{m (m - 1)} \sum_{i < j} \lVert x_i - x_j \rVert"

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean over k (k - 1) / 2 pairs, distances under 1e-6 as 0; SelectionError for a single pick."""
        unit = self.unit_rows(selection, features, at_least=2)
        total = 0.0
        for _, distances in cosine_distances(unit, features.progress, later_only=True):
            np.multiply(distances, 2.0, out=distances)
            np.sqrt(distances, out=distances)
            # Pairs within the block stand there both ways, those with later rows one way.
            total += float(2.0 * distances.sum() - distances[:, : len(distances)].sum())
        return total / (len(unit) * (len(unit) - 1))


@register(
    "knn-distance",
    family="distance",
    paper="Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="k^2 d",
    deterministic=True,
)
@dataclass(frozen=True)
class NeighbourDistance(EmbeddingMetric):
    """Mean cosine distance of each pick to its K nearest other picks; higher is more diverse.

    A repeated pick is its own nearest, at distance 0. With fewer than K others, all of them count; one pick has no
    value.
    """

    formula: ClassVar[str] = r"\frac{1}{m K} \sum_{i \in S} \; \sum_{j \in \mathrm{NN}_K(i, S)} d(i, j)"

    neighbours: int = 10

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError("neighbours must be at least 1")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean over picks and neighbours; SelectionError for a single pick."""
        unit = self.unit_rows(selection, features, at_least=2)
        nearest = min(self.neighbours, len(unit) - 1)
        total = 0.0
        for start, distances in cosine_distances(unit, features.progress):
            hide_self(start, distances)
            distances.partition(nearest - 1, axis=1)
            total += float(distances[:, :nearest].sum())
        return total / (nearest * len(unit))
