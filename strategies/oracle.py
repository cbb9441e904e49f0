"""The microworld's oracle: a reference line that reads what the pool hides, open to no ranked strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.even_draw import even_draw
from suite.features.hidden_families import HiddenFamilies
from suite.registry import Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register("oracle", level="baseline", cost="n")
@dataclass(frozen=True)
class Oracle(Strategy):
    """Draw evenly over the hidden skill families of an embedded world; other pools have none (FeatureError)."""

    formula: ClassVar[str] = (
        r"|S \cap F_a| - |S \cap F_b| \le 1 \quad \text{for hidden families } F_a, F_b \text{ that have "
        r"samples left}"
    )

    reference: ClassVar[bool] = True

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """The hidden families."""
        return (HiddenFamilies(),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in rounds of one a family, shape (budget,), int64."""
        return even_draw(np.asarray(features[HiddenFamilies()]), budget, rng)
