"""Micro-level diversity (M2M): a sample's types are its mid-frequency tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from strategies.diversity_controlled import Incidences, LengthTarget, Level, even_selection, prune_to_level
from suite.features import TokenLists, Tokens, View
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool

PAPER = "M2M, arXiv 2505.24768 (AAAI 2026)"


@dataclass(frozen=True)
class MicroDiversity(Strategy):
    """Cover a share of the mid-frequency tokens, evenly.

    A token of the target model's own tokenizer is a type when it occurs `rare` to `common` times (occurrences, not
    samples) in the view over the pool; None takes the track's thresholds. `diversity` p in [0, 1] sets how many
    types k are left: k = round(k_min + p (k_max - k_min)), where k_min is the fewest types along the pruning order
    whose samples still reach the budget (our reading). Types go by reverse greedy pruning: `pruning="type"` drops
    the type with the fewest remaining samples and all of these, `"sample"` the single sample that adds least (the
    literal other reading, for study). What is left is sampled evenly over its types. `unit="word"` splits words
    instead of using the tokenizer (an ablation). `recount=False` orders types by the samples they had at first
    rather than by those that remain. `match_length` steers the mean response length to the pool's at every level.
    """

    diversity: float = 1.0
    rare: int | None = None
    common: int | None = None
    pruning: Literal["type", "sample"] = "type"
    recount: bool = True
    unit: Literal["token", "word"] = "token"
    match_length: bool = False

    view: ClassVar[View]

    def __post_init__(self) -> None:
        if not 0.0 <= self.diversity <= 1.0:
            raise ValueError(f"diversity must lie between 0 and 1, not be {self.diversity}")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Tokens of the view, and response tokens where lengths are matched."""
        responses = (Tokens(view="response"),) if self.match_length else ()
        return (self._tokens, *responses)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order drawn, shape (budget,), int64."""
        track = features.track
        rare = track.rare_token_count if self.rare is None else self.rare
        common = track.common_token_count if self.common is None else self.common
        incidences = mid_frequency_incidences(features[self._tokens], rare, common)
        level = Level(self.diversity, self.pruning, self.recount)
        rows, types = prune_to_level(incidences, budget, level, strategy=self.spec)
        lengths = None
        if self.match_length:
            every = features[Tokens(view="response")].lengths
            lengths = LengthTarget(every, float(every.mean()))
        return even_selection(incidences, rows, types, budget, rng, lengths=lengths)

    @property
    def _tokens(self) -> Tokens:
        return Tokens(view=self.view, tokenizer="words" if self.unit == "word" else None)


@register("micro-response", level="micro", paper=PAPER, cost="incidences log types")
@dataclass(frozen=True)
class MicroResponse(MicroDiversity):
    """Cover the mid-frequency tokens of the responses, evenly."""

    view: ClassVar[View] = "response"


def mid_frequency_incidences(tokens: TokenLists, rare: int, common: int) -> Incidences:
    """Which sample holds which mid-frequency token: those that occur `rare` to `common` times in all."""
    ids = np.asarray(tokens.ids)
    occurrences = np.bincount(ids) if len(ids) else np.zeros(1, dtype=np.int64)
    middle = (occurrences >= rare) & (occurrences <= common)
    held = middle[ids] if len(ids) else np.zeros(0, dtype=np.bool_)
    offsets = np.concatenate([[0], np.cumsum(held)])[tokens.offsets]
    return Incidences(ids[held].astype(np.int64), offsets.astype(np.int64))
