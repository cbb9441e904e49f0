"""Random selection: the null distribution of every claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool


@register("random", level="baseline", cost="n")
@dataclass(frozen=True)
class Random(Strategy):
    """Draw rows at random, each equally likely, none twice."""

    formula: ClassVar[str] = r"S \sim \mathrm{Uniform}\{S \subset \{1, \dots, n\} : |S| = B\}"

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in random order, shape (budget,), int64."""
        return rng.permutation(len(pool))[:budget].astype(np.int64)
