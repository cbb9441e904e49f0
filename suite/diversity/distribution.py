"""Distribution-based diversity: how the picks lie over the pool, and over clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.diversity.pairs import ZERO
from suite.diversity.reading import EmbeddingMetric
from suite.features import Embeddings, Feature, Features, Progress, TrackContext, View
from suite.features.density import ROUNDING
from suite.features.k_means import k_means
from suite.registry import register

if TYPE_CHECKING:
    from suite.pool import Pool
    from suite.selection import Selection

BLOCK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Clusters(Feature):
    """The k-means cluster of every sample of a pool, shape (n,), int32, from 0 up.

    One k-means++ start with a fixed seed, on one thread: deterministic on one kind of machine. At most as many
    clusters as samples; where samples are alike, fewer of them are used.
    """

    clusters: int = 100
    iterations: int = 100
    seed: int = 42
    view: View = "both"
    embedder: str | None = None
    dimensions: int | None = None

    kind: ClassVar[str] = "clusters"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn")

    def resolve(self, track: TrackContext) -> Clusters:
        """The track's embedder filled in."""
        embeddings = self._embeddings.resolve(track)
        return replace(self, embedder=embeddings.embedder, dimensions=embeddings.dimensions)

    def requires(self) -> tuple[Feature, ...]:
        """The embeddings that are clustered."""
        return (self._embeddings,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key; the embeddings are part of it by their own key."""
        return {"clusters": self.clusters, "iterations": self.iterations, "seed": self.seed}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Cluster the whole pool."""
        rows = np.asarray(features[self._embeddings])
        labels, _ = k_means(rows, self.clusters, self.iterations, self.seed, progress)
        return {"clusters": labels}

    @property
    def _embeddings(self) -> Embeddings:
        return Embeddings(self.view, self.embedder, self.dimensions)


@register(
    "partition-entropy",
    family="distribution",
    paper="Yang et al. (ACL 2025), arXiv 2502.17184, section 2 and its public code",
    cost="k (clusters, once a pool: n clusters d)",
    deterministic=True,
)
@dataclass(frozen=True)
class PartitionEntropy(EmbeddingMetric):
    """Shannon entropy, in bits, of the picks over k-means clusters of the pool; higher is more diverse.

    From 0 (all picks in one cluster) to log2 of the clusters. Repeated picks count as often as they occur. The pool
    is clustered once and kept as a feature.
    """

    formula: ClassVar[str] = r"- \sum_{c=1}^{C} p_c \log_2 p_c, \qquad p_c = \frac{|S \cap C_c|}{m}"

    clusters: int = 100
    iterations: int = 100
    seed: int = 42

    def __post_init__(self) -> None:
        if self.clusters < 1 or self.iterations < 1 or self.seed < 0:
            raise ValueError("clusters and iterations must be at least 1, seed at least 0")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The pool's clusters."""
        return (self._clusters,)

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """-sum of p log2 p over the clusters that hold picks."""
        counts = np.bincount(features[self._clusters][selection.rows])
        shares = counts[counts > 0] / len(selection)
        return max(0.0, float(-(shares * np.log2(shares)).sum()))

    @property
    def _clusters(self) -> Clusters:
        return Clusters(self.clusters, self.iterations, self.seed, self.view)


@register(
    "cluster-inertia",
    family="distribution",
    paper="Du and Black (ACL 2019); Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="k clusters d",
    deterministic=True,
)
@dataclass(frozen=True)
class ClusterInertia(EmbeddingMetric):
    """Sum of squared distances of the picks to the centres of their own k-means clusters; higher is more diverse.

    The picks (not the pool) are clustered, from one k-means++ start with a fixed seed. No more different picks than
    clusters give 0.
    """

    formula: ClassVar[str] = r"\min_{\mu_1, \dots, \mu_C} \; \sum_{i \in S} \min_{c} \lVert x_i - \mu_c \rVert^2"

    clusters: int = 100
    iterations: int = 100
    seed: int = 42

    def __post_init__(self) -> None:
        if self.clusters < 1 or self.iterations < 1 or self.seed < 0:
            raise ValueError("clusters and iterations must be at least 1, seed at least 0")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The inertia; a sum, so values compare at equal size alone."""
        unit = self.unit_rows(selection, features)
        if len(np.unique(unit, axis=0)) <= self.clusters:
            return 0.0
        return k_means(unit, self.clusters, self.iterations, self.seed)[1]


@register(
    "facility-location",
    family="distribution",
    paper="Farahani and Hekmatfar (2009); Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="n k d",
    deterministic=True,
)
@dataclass(frozen=True)
class FacilityLocation(EmbeddingMetric):
    """Sum over the pool of the cosine distance to the nearest pick; lower is more diverse.

    1 - cosine, which is twice what the strategy `facility-location` leaves uncovered at its similarity
    (1 + cosine) / 2. Picking the whole pool gives 0. Candidates come from a float32 product, their distances are
    measured again in float64.
    """

    formula: ClassVar[str] = r"\sum_{i=1}^{n} \min_{j \in S} d(i, j)"

    higher_is_diverse: ClassVar[bool] = False

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The sum over all samples of the pool, picks (at distance 0) included."""
        from suite.diversity.kernels.nearest_pick import nearest_distances

        everything = features[Embeddings(view=self.view)]
        picked = np.ascontiguousarray(everything[np.unique(selection.rows)])
        block = max(1, BLOCK_BYTES // (4 * len(picked)))
        memory = np.empty((block, len(picked)), dtype=np.float32)
        total = 0.0
        for start in range(0, len(everything), block):
            rows = np.ascontiguousarray(everything[start : start + block])
            similarity = np.matmul(rows, picked.T, out=memory[: len(rows)])
            # The product is off by ROUNDING at most, the largest value as well as the one that should be it.
            close = similarity >= similarity.max(axis=1, keepdims=True) - np.float32(2 * ROUNDING)
            distances = nearest_distances(rows, picked, np.flatnonzero(close))
            total += float(distances[distances >= ZERO].sum())
            features.progress(start + len(rows), len(everything))
        return total
