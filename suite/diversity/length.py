"""Length: the confounder that every diversity measure must be read against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from suite.diversity.reading import TokenMetric
from suite.features import Tokens
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection


@register(
    "mean-length", family="post-hoc", paper="M2M, arXiv 2505.24768, post-hoc measures", cost="k", deterministic=True
)
@dataclass(frozen=True)
class MeanLength(TokenMetric):
    """Mean tokens a picked sample, in the target model's own tokens; higher is longer (counted as more diverse).

    Not a measure of diversity in itself. Picks whose texts are all empty give 0.
    """

    formula: ClassVar[str] = r"\frac{1}{m} \sum_{i \in S} |x_i|"

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """Mean over the picks, repeats counted."""
        return float(features[Tokens(view=self.view)].lengths[selection.rows].mean())
