"""Meso-level diversity (M2M): a sample's types are its tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.diversity_controlled import PAPER, DiversityControlled
from strategies.even_sampling import TypeIncidences
from suite.errors import SelectionError
from suite.features import View
from suite.features.tags import CHARACTERS, SIMILARITY, Tags
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext


@dataclass(frozen=True)
class MesoDiversity(DiversityControlled):
    """Cover a share of the tags, the largest first, evenly.

    A sample has a few tags (see `suite.features.tags`): of `tagger`, None the offline keyphrases; the paper's way is
    `engine:<model>`. `rare` is the fewest samples of a tag, `most` the tags a sample keeps, and tags of a cosine of
    at least `similarity` by `merge` are one. The types kept are the largest. A sample without a tag is never picked.
    """

    tagger: str | None = None
    rare: int | None = None
    most: int | None = None
    merge: str = CHARACTERS
    similarity: float = SIMILARITY

    def type_features(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tags of the view."""
        return (self._tags,)

    def incidences(self, features: Features) -> TypeIncidences:
        """The tags of each sample. Raises SelectionError when no sample of the pool has one."""
        tags = features[self._tags]
        if not len(tags.ids):
            raise SelectionError(
                f"{self.spec} finds no tag in the {self.view} of the pool: each was too rare, or the tagger found "
                "nothing. Lower `rare`, or take another tagger."
            )
        return TypeIncidences(np.asarray(tags.ids, dtype=np.int64), np.asarray(tags.offsets, dtype=np.int64))

    @property
    def _tags(self) -> Tags:
        return Tags(self.view, self.tagger, self.rare, self.most, self.merge, self.similarity)


@register("meso-instruction", level="meso", paper=PAPER, cost="incidences log types")
@dataclass(frozen=True)
class MesoInstruction(MesoDiversity):
    """Cover the tags of the instructions (with their inputs), evenly."""

    view: ClassVar[View] = "instruction"


@register("meso-response", level="meso", paper=PAPER, cost="incidences log types")
@dataclass(frozen=True)
class MesoResponse(MesoDiversity):
    """Cover the tags of the responses, evenly."""

    view: ClassVar[View] = "response"
