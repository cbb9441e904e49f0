"""Micro-level diversity (M2M): a sample's types are its mid-frequency tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from strategies.diversity_controlled import PAPER, DiversityControlled
from strategies.even_sampling import TypeIncidences
from suite.errors import SelectionError
from suite.features import TokenLists, Tokens, View
from suite.registry import register

if TYPE_CHECKING:
    from strategies.kernels.pruning import PruningPath
    from suite.features.base import Feature, Features, TrackContext


@dataclass(frozen=True)
class MicroDiversity(DiversityControlled):
    """Cover a share of the mid-frequency tokens, evenly.

    A token of the target model's own tokenizer is a type when it occurs `rare` to `common` times (occurrences, not
    samples) in the view over the pool; None takes the track's thresholds. Types go by reverse greedy pruning:
    `pruning="type"` drops the type with the fewest remaining samples and all of these, `"sample"` the single sample
    that adds least (the literal other reading, for study). `unit="word"` splits words instead of using the tokenizer
    (an ablation). `recount=False` orders types by the samples they had at first rather than by those that remain.
    """

    rare: int | None = None
    common: int | None = None
    pruning: Literal["type", "sample"] = "type"
    recount: bool = True
    unit: Literal["token", "word"] = "token"

    def type_features(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tokens of the view."""
        return (self._tokens,)

    def incidences(self, features: Features) -> TypeIncidences:
        """The mid-frequency tokens of each sample. Raises SelectionError when the view holds none."""
        track = features.track
        rare = track.rare_token_count if self.rare is None else self.rare
        common = track.common_token_count if self.common is None else self.common
        found = mid_frequency_incidences(features[self._tokens], rare, common)
        if not len(found.types):
            raise SelectionError(
                f"{self.spec} finds no token that occurs {rare} to {common} times in the {self.view} of the pool. "
                "Check the tokenizer, or widen `rare` and `common`."
            )
        return found

    def dropping(self, incidences: TypeIncidences) -> PruningPath:
        """Reverse greedy pruning."""
        from strategies.kernels import pruning_path

        return pruning_path(incidences.of_holding, unit=self.pruning, recount=self.recount)

    @property
    def _tokens(self) -> Tokens:
        return Tokens(view=self.view, tokenizer="words" if self.unit == "word" else None)


@register("micro-instruction", level="micro", paper=PAPER, cost="incidences log types")
@dataclass(frozen=True)
class MicroInstruction(MicroDiversity):
    """Cover the mid-frequency tokens of the instructions (with their inputs), evenly."""

    view: ClassVar[View] = "instruction"


@register("micro-response", level="micro", paper=PAPER, cost="incidences log types")
@dataclass(frozen=True)
class MicroResponse(MicroDiversity):
    """Cover the mid-frequency tokens of the responses, evenly."""

    view: ClassVar[View] = "response"


def mid_frequency_incidences(tokens: TokenLists, rare: int, common: int) -> TypeIncidences:
    """Which sample holds which mid-frequency token: those that occur `rare` to `common` times in all."""
    ids = np.asarray(tokens.ids)
    occurrences = np.bincount(ids) if len(ids) else np.zeros(1, dtype=np.int64)
    middle = (occurrences >= rare) & (occurrences <= common)
    held = middle[ids] if len(ids) else np.zeros(0, dtype=np.bool_)
    offsets = np.concatenate([[0], np.cumsum(held)])[tokens.offsets]
    return TypeIncidences(ids[held].astype(np.int64), offsets.astype(np.int64))
