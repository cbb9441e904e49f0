"""The whole pool: a reference line, exempt from the budget and never ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool


@register("full", level="baseline", cost="n", deterministic=True)
@dataclass(frozen=True)
class Full(Strategy):
    """Every row of the pool, in its order."""

    formula: ClassVar[str] = r"S = \{1, \dots, n\}"

    reference: ClassVar[bool] = True

    def size(self, pool_size: int, budget: int) -> int:
        """The whole pool, whatever the budget."""
        return pool_size

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """All rows, shape (n,), int64."""
        return np.arange(len(pool), dtype=np.int64)
