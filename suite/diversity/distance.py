"""Distance-based diversity: how far picked samples lie from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import SelectionError
from suite.features import Embeddings, View
from suite.registry import Metric, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool
    from suite.selection import Selection


@register("embedding-distance", paper="M2M, arXiv 2505.24768, post-hoc measures", cost="k d", deterministic=True)
@dataclass(frozen=True)
class EmbeddingDistance(Metric):
    """Mean cosine distance over all pairs of picks; higher is more diverse."""

    view: View = "both"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view."""
        return (Embeddings(view=self.view),)

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """1 minus the mean cosine over pairs, from the sum of the unit rows; SelectionError for a single pick."""
        count = len(selection.rows)
        if count < 2:
            raise SelectionError("embedding-distance needs at least two picks: it is a mean over pairs.")
        rows = np.asarray(features[Embeddings(view=self.view)][selection.rows], dtype=np.float64)
        total = rows.sum(axis=0)
        return float(1.0 - (total @ total - (rows * rows).sum()) / (count * (count - 1)))
