"""Macro-level diversity (M2M): a sample's type is the one topic of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from strategies.diversity_controlled import PAPER, DiversityControlled
from strategies.even_sampling import TypeIncidences
from suite.errors import SelectionError
from suite.features import Topics, View
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext


@dataclass(frozen=True)
class MacroDiversity(DiversityControlled):
    """Cover a share of the topics, evenly; the largest topics are kept.

    Topics are density clusters of embeddings reduced to `components` dimensions by `reduction` (see
    `suite.features.Topics`, whose fields these are); samples that belong to none are never picked. `min_samples`
    counts the sample itself: the default, 1, is single linkage with a least cluster size, 2 measures density by the
    nearest other sample.
    """

    reduction: Literal["pca", "umap"] = "pca"
    components: int = 10
    min_cluster_size: int | None = None
    min_samples: int = 1

    def type_features(self, track: TrackContext) -> tuple[Feature, ...]:
        """The topics of the view."""
        return (self._topics,)

    def incidences(self, features: Features) -> TypeIncidences:
        """The topic of each sample that has one. Raises SelectionError when all samples are noise."""
        topics = np.asarray(features[self._topics])
        found = topic_incidences(topics)
        if not len(found.types):
            size = self._topics.resolve(features.track).min_cluster_size
            raise SelectionError(
                f"{self.spec} finds no topic among the {len(topics)} samples by their {self.view}: all are noise at "
                f"min_cluster_size={size} and min_samples={self.min_samples}. Lower them, or use a larger pool."
            )
        return found

    @property
    def _topics(self) -> Topics:
        return Topics(
            view=self.view,
            reduction=self.reduction,
            components=self.components,
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples,
        )


@register("macro-instruction", level="macro", paper=PAPER, cost="n^2 for topics, then n")
@dataclass(frozen=True)
class MacroInstruction(MacroDiversity):
    """Cover the topics of the instructions (with their inputs), evenly."""

    view: ClassVar[View] = "instruction"


@register("macro-response", level="macro", paper=PAPER, cost="n^2 for topics, then n")
@dataclass(frozen=True)
class MacroResponse(MacroDiversity):
    """Cover the topics of the responses, evenly."""

    view: ClassVar[View] = "response"


def topic_incidences(topics: np.ndarray) -> TypeIncidences:
    """One type for each sample with a topic, none for noise (-1)."""
    held = topics >= 0
    return TypeIncidences(topics[held].astype(np.int64), np.concatenate([[0], np.cumsum(held)]).astype(np.int64))
