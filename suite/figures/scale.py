"""The axis of differences to random, or of scores, which far outliers must not stretch until nothing else is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.aggregate import Row
from suite.statistics.intervals import Estimate


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
        there = [(row.reference, row.difference) for row in rows if row.difference]
        own = [apart for reference, apart in there if not reference] or [apart for _, apart in there]
        # Random itself has a difference of zero.
        means = [0.0, *(100 * apart.mean for apart in own)]
        return cls._within_fences(own, means, [0.0, *(100 * draw for draw in draws)])

    @classmethod
    def of_scores(cls, scores: Sequence[Estimate], marks: Sequence[float]) -> Scale:
        """Wide enough for `marks`, in points, and the whiskers of the scores within Tukey's far fences; not empty."""
        return cls._within_fences(scores, [100 * score.mean for score in scores], marks)

    @classmethod
    def _within_fences(cls, own: Sequence[Estimate], means: Sequence[float], marks: Sequence[float]) -> Scale:
        first, third = np.quantile(means, [0.25, 0.75])
        reach = 3 * max(third - first, 0.5)
        ends = [*marks]
        for one in own:
            if first - reach <= 100 * one.mean <= third + reach:
                ends += _ends(one)
        room = 0.04 * max(max(ends) - min(ends), 1.0)
        return cls(min(ends) - room, max(ends) + room)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def clipped(self, value: float) -> float:
        """The value, or where its arrow stands at the edge."""
        edge = 0.02 * (self.high - self.low)
        return min(max(value, self.low + edge), self.high - edge)


def _ends(found: Estimate) -> list[float]:
    """The ends of a whisker in points; the mean alone where there is none."""
    return [100 * value for value in ((found.low, found.high) if found.known else (found.mean,))]
