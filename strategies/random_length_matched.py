"""Random selection with the response lengths of another strategy: what that strategy's taste for length alone buys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.errors import ParameterError
from suite.features import Tokens
from suite.registry import Strategy, register, strategies

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("random-length-matched", level="baseline", cost="that of the matched strategy")
@dataclass(frozen=True)
class RandomLengthMatched(Strategy):
    """Draw at random so that response lengths are distributed as in the selection of the strategy `like`.

    What is matched: the histogram of response tokens over `bins` bins, whose edges are the quantiles of the matched
    selection. The strategy `like` (with its default parameters) selects first; then every bin gives as many
    random rows of the whole pool as that selection has in it. The design names this baseline without a formula;
    this is our reading, with micro-response as the default because length is its known confounder (M2M).
    """

    formula: ClassVar[str] = (
        r"|\{i \in S : |y_i| \in b\}| = |\{i \in S' : |y_i| \in b\}| \quad \text{for every bin } b \text{ of "
        r"lengths, } S' \text{ the picks of } \mathit{like}"
    )

    like: str = "micro-response"
    bins: int = 20

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"bins must be at least 1, not {self.bins}")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Response tokens, and what the matched strategy reads."""
        return (Tokens(view="response"), *self._matched.requires(track))

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in random order, shape (budget,), int64."""
        lengths = features[Tokens(view="response")].lengths
        (own,) = rng.spawn(1)
        matched = self._matched.select(pool, budget, features=features, rng=own)
        targets = lengths[matched]
        # Edges are lengths that occur, so every bin of the selection is a range of the pool's lengths.
        edges = np.unique(np.quantile(targets, np.linspace(0, 1, self.bins + 1)[1:-1], method="lower"))
        wanted = np.bincount(np.searchsorted(edges, targets), minlength=len(edges) + 1)
        bin_of_row = np.searchsorted(edges, lengths)
        inside = (lengths >= targets.min()) & (lengths <= targets.max())
        picks = [
            rng.permutation(np.flatnonzero((bin_of_row == number) & inside))[:count]
            for number, count in enumerate(wanted)
        ]
        return rng.permutation(np.concatenate(picks)).astype(np.int64)

    @property
    def _matched(self) -> Strategy:
        matched = strategies.parse(self.like)
        if isinstance(matched, RandomLengthMatched) or matched.allows_repeats or matched.reference:
            raise ParameterError(
                f"random-length-matched cannot match like={self.like}; name a ranked strategy that picks each row once."
            )
        return matched
