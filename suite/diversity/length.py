"""Length: the confounder that every diversity measure must be read against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from suite.features import Tokens, View
from suite.registry import Metric, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool
    from suite.selection import Selection


@register("mean-length", paper="M2M, arXiv 2505.24768, post-hoc measures", cost="k", deterministic=True)
@dataclass(frozen=True)
class MeanLength(Metric):
    """Mean tokens a picked sample, in the target model's own tokens; higher is longer (counted as more diverse)."""

    view: View = "response"

    higher_is_diverse: ClassVar[bool] = True

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tokens of the view."""
        return (Tokens(view=self.view),)

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """Mean over the picks, repeats counted."""
        return float(features[Tokens(view=self.view)].lengths[selection.rows].mean())
