"""Farthest: the outermost samples of the pool, by the largest summed distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("farthest", level="embedding", paper="Yang et al. (ACL 2025), section 3", cost="n budget, n d log budget")
@dataclass(frozen=True)
class Farthest(Strategy):
    """Begin at a random row; then always take the row with the largest summed cosine distance to all picks.

    Ties go to the lower row. The picks crowd at opposite ends of the pool: high distance, low coverage.
    """

    formula: ClassVar[str] = r"s_{t+1} = \underset{x \notin S_t}{\operatorname{argmax}} \; \sum_{j \in S_t} d(x, j)"

    view: View = "both"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view."""
        return (Embeddings(view=self.view),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order picked, shape (budget,), int64."""
        from strategies.kernels import farthest

        first = int(rng.integers(len(pool)))
        return farthest(features[Embeddings(view=self.view)], budget, first=first, progress=features.progress)
