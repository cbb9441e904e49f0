"""Few samples, many times each: the floor of every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool


@register("duplicate", level="baseline", paper="Yang et al. (ACL 2025), section 3", cost="n")
@dataclass(frozen=True)
class Duplicate(Strategy):
    """Draw budget / m samples at random and take each m times (m = `times`).

    Where m does not divide the budget, one more sample is taken as often as there are places left.
    """

    formula: ClassVar[str] = r"S = m \cdot U, \qquad U \sim \mathrm{Uniform}\{U \subset \{1, \dots, n\} : |U| = B / m\}"

    times: int = 10

    allows_repeats: ClassVar[bool] = True
    degenerate: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times must be at least 1, not {self.times}")

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows with repeats, shape (budget,), int64: all different ones first, then all again."""
        whole, rest = divmod(budget, self.times)
        unique = rng.permutation(len(pool))[: whole + (rest > 0)].astype(np.int64)
        passes = [unique if number < rest else unique[:whole] for number in range(self.times)]
        return np.concatenate(passes)
