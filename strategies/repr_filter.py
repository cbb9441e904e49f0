"""Representation filter: walk the pool and keep what resembles nothing kept so far (Deita)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.quality import SCORES, QualityWeight
from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("repr-filter", level="embedding", paper="Liu et al. (ICLR 2024), Deita, Repr Filter", cost="n budget d")
@dataclass(frozen=True)
class ReprFilter(Strategy):
    """Accept samples one by one while their cosine to every accepted one lies under `threshold`.

    The order of the walk is random; with a `quality` ("length": response tokens, or a parquet file's column
    `quality_column`) it goes from the best to the worst, ties in random order. Deita's threshold is 0.9, which means
    as much or as little as the embedder makes of it. A walk that ends before the budget is filled up with the
    rejected samples of the smallest cosine to their nearest accepted one, and says so (our reading: the paper
    leaves it open).
    """

    formula: ClassVar[str] = r"\text{accept } x \iff \max_{j \in S_t} \cos(x, j) < \tau"

    threshold: float = 0.9
    quality: str = "none"
    quality_column: str = SCORES
    view: View = "both"

    def __post_init__(self) -> None:
        if not -1.0 < self.threshold <= 1.0:
            raise ValueError(f"threshold is a cosine above -1 and up to 1, not {self.threshold}")
        QualityWeight(self.quality, self.quality_column)  # raises ValueError for what is no quality

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view, and what the quality is read from."""
        return (Embeddings(view=self.view), *self._weight.requires())

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order accepted, shape (budget,), int64; those that only fill up come last."""
        from strategies.kernels import repr_filter

        order = rng.permutation(len(pool))
        quality = self._weight.read(features)
        if quality is not None:
            order = order[np.argsort(-quality[order], kind="stable")]
        embeddings = features[Embeddings(view=self.view)]
        rows, accepted = repr_filter(
            embeddings, budget, order=order, threshold=self.threshold, progress=features.progress
        )
        if accepted < budget:
            warnings.warn(
                f"only {accepted:,} of {len(pool):,} samples stay under a cosine of {self.threshold:g} to each other; "
                f"the {budget - accepted:,} least similar of the others fill the budget",
                stacklevel=2,
            )
        return rows

    @property
    def _weight(self) -> QualityWeight:
        return QualityWeight(self.quality, self.quality_column)
