"""How far a metric moves as a strategy's level of diversity rises, against what chance alone does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Movement:
    """One metric of one strategy over its levels.

    `lowest` and `highest` are its values at the first and the last level that has one (`from_level`, `to_level`);
    `relative` is their difference in standard deviations of random draws of the same size (None without them, or
    where they do not differ); `spearman` is the rank correlation with the level (None where the metric stands still,
    or at fewer than three levels).
    """

    strategy: str
    budget: int
    metric: str
    from_level: float
    to_level: float
    lowest: float
    highest: float
    random_mean: float | None
    random_deviation: float | None
    relative: float | None
    spearman: float | None

    @property
    def change(self) -> float:
        """How far the metric moves, with its sign."""
        return self.highest - self.lowest


def movement(
    strategy: str, budget: int, metric: str, values: Sequence[tuple[float, float]], random_values: Sequence[float]
) -> Movement | None:
    """The movement of a metric given as (level, value) pairs, beside its values for random draws.

    None at fewer than two levels: nothing moves there. The deviation of the draws is that of a sample (n - 1).
    """
    if len(values) < 2:
        return None
    ordered = sorted(values)
    (from_level, lowest), (to_level, highest) = ordered[0], ordered[-1]
    deviation = float(np.std(random_values, ddof=1)) if len(random_values) > 1 else None
    return Movement(
        strategy=strategy,
        budget=budget,
        metric=metric,
        from_level=from_level,
        to_level=to_level,
        lowest=lowest,
        highest=highest,
        random_mean=float(np.mean(random_values)) if random_values else None,
        random_deviation=deviation,
        relative=(highest - lowest) / deviation if deviation else None,
        spearman=_spearman(ordered),
    )


def _spearman(values: Sequence[tuple[float, float]]) -> float | None:
    from scipy.stats import spearmanr

    levels, measured = zip(*values, strict=True)
    if len(values) < 3 or len(set(measured)) < 2:
        return None
    return float(spearmanr(levels, measured).statistic)
