"""What metrics read of a selection: its embeddings or its tokens, in the order of the pool.

Picks are put into the pool's order (repeats kept), so that no metric depends on the order of picking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import SelectionError
from suite.features import Embeddings, Tokens, View
from suite.features.unit_length import unit_rows
from suite.registry import Metric

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.selection import Selection


@dataclass(frozen=True)
class EmbeddingMetric(Metric):
    """A metric of the embeddings of one view."""

    view: View = "both"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view."""
        return (Embeddings(view=self.view),)

    def unit_rows(self, selection: Selection, features: Features, *, at_least: int = 1) -> np.ndarray:
        """The picks' embeddings as unit rows, shape (m, d), float64; SelectionError under `at_least` picks."""
        if len(selection) < at_least:
            raise SelectionError(f"{self.name} needs at least {at_least} picks; the selection has {len(selection)}.")
        return unit_rows(features[Embeddings(view=self.view)][np.sort(selection.rows)])


@dataclass(frozen=True)
class TokenMetric(Metric):
    """A metric of the tokens of one view: the target model's own, unless another tokenizer was asked for."""

    view: View = "response"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tokens of the view."""
        return (Tokens(view=self.view),)

    def tokens(self, rows: np.ndarray, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Token ids of the picks end to end, int64, and each pick's length; SelectionError when there is no token."""
        tokens = features[Tokens(view=self.view)]
        rows = np.sort(rows)
        ids = np.concatenate([np.zeros(0, dtype=np.int64), *(tokens[row] for row in rows)])
        if not len(ids):
            raise SelectionError(f"{self.name} has no value: the {self.view} of every picked sample is empty.")
        return ids.astype(np.int64, copy=False), tokens.lengths[rows]
