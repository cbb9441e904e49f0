"""A strategy."""

from dataclasses import dataclass
import numpy as np
from suite.registry import Strategy, register


@register("my-method", level="meso", deterministic=True)
@dataclass(frozen=True)
class MyMethod(Strategy):
    """The first rows."""

    step: int = 1

    def select(self, pool, budget, *, features, rng):
        return np.arange(budget) * self.step
