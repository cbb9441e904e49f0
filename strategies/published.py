"""Published selections as rows of a table: the budget drawn at random from what other people's methods kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.errors import SelectionError
from suite.features.published import PublishedRows
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register(
    "published",
    level="model-aware",
    paper="AlpaGasus (ICLR 2024), Cherry (NAACL 2024), CaR (EMNLP 2024)",
    cost="n",
)
@dataclass(frozen=True)
class Published(Strategy):
    """Draw at random from the rows of Alpaca 52k that a published method kept (`set`), each equally likely.

    Sets: `alpagasus-claude` (5,301 rows), `alpagasus-helpfulness` (2,021), `alpagasus-random` (9,225, their own
    random control), `cherry-ifd` (3,111), `car` (1,013). A published set is one selection, of a size its authors
    chose; a draw of the budget from it says what its rows are worth at that size, not what the method would pick
    there. SelectionError when the set is smaller than the budget, FeatureError on another pool.
    """

    formula: ClassVar[str] = (
        r"S \sim \mathrm{Uniform}\{S \subset K : |S| = B\}, \qquad K = \text{the rows that the method kept}"
    )

    set: str = "alpagasus-claude"

    index_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        PublishedRows(self.set)

    @property
    def spec(self) -> str:
        """The one-line form, which always names the set: a row of a table is one set."""
        return f"{self.name}:set={self.set}"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The rows of the set."""
        return (PublishedRows(self.set),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in random order, shape (budget,), int64."""
        kept = np.asarray(features[PublishedRows(self.set)])
        if len(kept) < budget:
            raise SelectionError(
                f"The published set {self.set!r} kept {len(kept):,} samples, fewer than the budget of {budget:,}: "
                "nothing can be drawn at that size. Leave it out there, or take a smaller budget."
            )
        return rng.permutation(kept)[:budget].astype(np.int64)
