"""The longest responses: the baseline that any method with a taste for length must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.features import Tokens
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register(
    "longest",
    level="baseline",
    paper="Zhao et al. (ICML 2024), Long Is More for Alignment",
    cost="n log n",
    deterministic=True,
)
@dataclass(frozen=True)
class Longest(Strategy):
    """The rows with the most response tokens of the target model's own tokenizer; ties go to the lower row."""

    formula: ClassVar[str] = r"S = \underset{|S| = B}{\operatorname{argmax}} \sum_{i \in S} |y_i|"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Response tokens."""
        return (Tokens(view="response"),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows from longest to shortest, shape (budget,), int64."""
        lengths = features[Tokens(view="response")].lengths
        return np.argsort(-lengths, kind="stable")[:budget].astype(np.int64)
