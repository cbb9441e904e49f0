"""An index-only submission as a strategy: its picks were made elsewhere, one selection for every registered draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from suite.errors import SelectionError
from suite.intake.selections import Which
from suite.registry import Strategy
from suite.selection import picks_sha256

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool


class Spent(NamedTuple):
    """What one selection took where it was made: seconds of picking, and of computing the features it read."""

    seconds: float
    feature_seconds: float


@dataclass(frozen=True)
class Given(Strategy):
    """Base of index-only submissions; a subclass holds the ids."""

    index_only: ClassVar[bool] = True
    selections: ClassVar[Mapping[Which, tuple[str, ...]]] = {}
    costs: ClassVar[Mapping[Which, Spent]] = {}
    """Known where the board itself ran the code that picked."""

    def given(self, pool: Pool, budget: int, *, track: str, seed: int) -> np.ndarray:
        """Rows of the ids given for this track, budget and draw, in their order, shape (budget,), int64.

        SelectionError when none were given, or when the pool does not hold them.
        """
        ids = self.selections.get(Which(track, budget, seed))
        if ids is None:
            there = "; ".join(sorted({f"{which.track} at {which.budget}" for which in self.selections}))
            raise SelectionError(
                f"{self.name} gives no ids for track {track}, budget {budget}, seed {seed}; it has: {there}. "
                "Choose one of these, or add the selection to the submission."
            )
        return pool.rows(ids)

    def hashes(self, pool: Pool, *, track: str, budgets: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """The sha256 of the picks of each draw by budget, for those budgets of a track, the first draw first."""
        drawn = sorted(which for which in self.selections if which.track == track)
        return {
            budget: tuple(
                picks_sha256(pool.fingerprint, self.selections[which]) for which in drawn if which.budget == budget
            )
            for budget in budgets
        }

    def spent(self, *, track: str, budget: int, seed: int) -> Spent | None:
        """What the selection took, where the board made it."""
        return self.costs.get(Which(track, budget, seed))

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Never asked: a draw that was made elsewhere is found by its seed, which `given` is told."""
        raise SelectionError(f"{self.name} gives ids and selects nothing; ask for them by their seed with `given`.")
