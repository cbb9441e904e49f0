"""Lexical diversity: how many different tokens a selection holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import SelectionError
from suite.features import Tokens, View
from suite.registry import Metric, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool
    from suite.selection import Selection


@register("ttr", paper="Johnson (1944)", cost="tokens", deterministic=True)
@dataclass(frozen=True)
class TypeTokenRatio(Metric):
    """Different tokens over all tokens of the picks; higher is more diverse, and longer texts score lower."""

    view: View = "response"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tokens of the view."""
        return (Tokens(view=self.view),)

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """Distinct over all, repeats counted; SelectionError when the picks hold no token."""
        tokens = features[Tokens(view=self.view)]
        ids = np.concatenate([tokens[row] for row in selection.rows])
        if not len(ids):
            raise SelectionError(f"ttr has no value: the {self.view} of every picked sample is empty.")
        return len(np.unique(ids)) / len(ids)
