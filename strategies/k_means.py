"""K-means over embeddings, then an even draw from every cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.clusters import cluster_labels
from strategies.even_draw import even_draw
from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("k-means", level="embedding", paper="Lloyd (1982); Arthur and Vassilvitskii (2007)", cost="n clusters d")
@dataclass(frozen=True)
class KMeans(Strategy):
    """Cluster the pool and draw the same number of rows from each cluster, as far as it has them.

    Clusters are bounded by the pool. They are found from one k-means++ start with a seed from `rng`, on one
    thread, so that the same seed gives the same rows whatever the number of cores.
    """

    formula: ClassVar[str] = (
        r"|S \cap C_a| - |S \cap C_b| \le 1 \quad \text{for clusters } C_a, C_b \text{ that have samples left}"
    )

    clusters: int = 100
    iterations: int = 100
    view: View = "both"

    def __post_init__(self) -> None:
        if self.clusters < 1 or self.iterations < 1:
            raise ValueError("clusters and iterations must be at least 1")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view."""
        return (Embeddings(view=self.view),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in rounds of one a cluster, shape (budget,), int64."""
        embeddings = np.asarray(features[Embeddings(view=self.view)])
        labels = cluster_labels(embeddings, self.clusters, rng, iterations=self.iterations, progress=features.progress)
        return even_draw(labels, budget, rng)
