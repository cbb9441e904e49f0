"""Facility location: every sample of the pool should have a similar one in the selection."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.quality import SCORES, QualityWeight
from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from strategies.kernels import CosineSimilarity
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool

LEAST_MEMORY = 1024 * 1024 * 1024


@register(
    "facility-location",
    level="embedding",
    paper="Bukharin et al. (EMNLP 2024), QDIT; Mirzasoleiman et al. (2013)",
    cost="n^2 d",
    deterministic=True,
)
@dataclass(frozen=True)
class FacilityLocation(Strategy):
    """Greedy maximisation of the summed similarity (1 + cos) / 2 of all samples to their nearest pick.

    `quality` multiplies a sample's gain: "length" by its rank in response tokens (the share of the pool that is not
    longer), a parquet file by its column `quality_column` (beside a column `id`); to the power `quality_weight`.
    QDIT adds a quality term to the gain; the product is our reading, since it needs no common scale.

    `neighbours` K above 0 takes a sparse kernel, in which a sample is represented by itself and its K nearest alone:
    an approximation with another objective, far faster on a large pool; 0 is exact.
    """

    formula: ClassVar[str] = (
        r"s_{t+1} = \underset{x \notin S_t}{\operatorname{argmax}} \; q_x^{w} \left( f(S_t \cup \{x\}) - f(S_t) "
        r"\right), \qquad f(S) = \sum_{i=1}^{n} \max_{j \in S} \frac{1 + \cos(i, j)}{2}"
    )

    quality: str = "none"
    quality_column: str = SCORES
    quality_weight: float = 1.0
    neighbours: int = 0
    view: View = "both"

    def __post_init__(self) -> None:
        if not 0 <= self.quality_weight < float("inf"):
            raise ValueError(f"quality_weight must not be negative, not {self.quality_weight}")
        if self.neighbours < 0:
            raise ValueError(f"neighbours must be 0 (exact) or more, not {self.neighbours}")
        QualityWeight(self.quality, self.quality_column)  # raises ValueError for what is no quality

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view, and what the quality is read from."""
        return (Embeddings(view=self.view), *self._weight.requires())

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order picked, shape (budget,), int64."""
        from strategies.kernels import NeighbourSimilarity, facility_location

        quality = self._weight.read(features, self.quality_weight)
        embeddings = np.asarray(features[Embeddings(view=self.view)])
        told = features.progress
        if self.neighbours:
            warnings.warn(
                f"approximate: a sample counts for itself and its {self.neighbours:,} nearest alone; "
                "leave neighbours out for facility location itself",
                stacklevel=2,
            )
            sparse = NeighbourSimilarity(embeddings, self.neighbours)
            return facility_location(sparse, budget, quality=quality, progress=told, prepared=told)
        return facility_location(_exact(embeddings), budget, quality=quality, progress=told, prepared=told)

    @property
    def _weight(self) -> QualityWeight:
        return QualityWeight(self.quality, self.quality_column)


def _exact(embeddings: np.ndarray) -> CosineSimilarity:
    import psutil

    from strategies.kernels import CosineSimilarity

    # More memory makes it faster and picks the same rows; another process may want as much at the same time.
    return CosineSimilarity(embeddings, max(LEAST_MEMORY, psutil.virtual_memory().available // 3))
