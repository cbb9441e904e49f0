"""The axis of differences to random, which far outliers must not stretch until nothing else can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.aggregate import Row


@dataclass(frozen=True)
class Scale:
    """The ends of an axis, in points."""

    low: float
    high: float

    @classmethod
    def of(cls, rows: Sequence[Row], draws: Sequence[float]) -> Scale:
        """Wide enough for zero, the random draws, and the whiskers of ranked rows within Tukey's far fences.

        References count only where there are no other rows.
        """
        own = [row for row in rows if row.difference and not row.reference] or [row for row in rows if row.difference]
        means = np.array([0.0, *(100 * row.difference.mean for row in own if row.difference)])
        first, third = np.quantile(means, [0.25, 0.75])
        reach = 3 * max(third - first, 0.5)
        ends = [0.0, *(100 * draw for draw in draws)]
        for row in own:
            assert row.difference is not None
            if first - reach <= 100 * row.difference.mean <= third + reach:
                ends += _ends(row)
        room = 0.04 * max(max(ends) - min(ends), 1.0)
        return cls(min(ends) - room, max(ends) + room)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def clipped(self, value: float) -> float:
        """The value, or where its arrow stands at the edge."""
        edge = 0.02 * (self.high - self.low)
        return min(max(value, self.low + edge), self.high - edge)


def _ends(row: Row) -> list[float]:
    """The ends of a row's whisker in points; its mean alone where it has none."""
    assert row.difference is not None
    found = row.difference
    return [100 * value for value in ((found.low, found.high) if found.known else (found.mean,))]
