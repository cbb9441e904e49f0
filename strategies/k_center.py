"""K-center by farthest-first traversal: cover the pool with the smallest radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.features import Embeddings, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("k-center", level="embedding", paper="Gonzalez (1985); Sener and Savarese (ICLR 2018)", cost="n budget d")
@dataclass(frozen=True)
class KCenter(Strategy):
    """Begin at a random row; then always take the row farthest from its nearest pick, ties to the lower row."""

    formula: ClassVar[str] = r"s_{t+1} = \underset{x \notin S_t}{\operatorname{argmax}} \; \min_{j \in S_t} d(x, j)"

    view: View = "both"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view."""
        return (Embeddings(view=self.view),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order picked, shape (budget,), int64."""
        from strategies.kernels import k_center

        first = int(rng.integers(len(pool)))
        return k_center(features[Embeddings(view=self.view)], budget, first=first, progress=features.progress)
