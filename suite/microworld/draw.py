"""Seeded choices, uniform or heavy-tailed, that give the same world on every Python version.

Everything rests on `random.Random(text).random()`, the one method whose sequence Python promises to keep; a
pool's pinned fingerprint would not survive a change of `choice` or `shuffle`.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

Thing = TypeVar("Thing")


class Draw:
    """Choices from one stream of random numbers.

    `exponent` is that of a Zipf law over positions: item r (from 1) has weight r ** -exponent; 0 is uniform.
    """

    def __init__(self, key: str, exponent: float = 0.0) -> None:
        self._random = random.Random(key).random
        self._exponent = exponent

    def below(self, size: int) -> int:
        """A uniform integer in [0, size)."""
        return int(self._random() * size)

    def between(self, low: int, high: int) -> int:
        """A uniform integer in [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self._random() < probability

    def one(self, items: Sequence[Thing]) -> Thing:
        """One item, by the Zipf law over its position."""
        steps = _cumulative(len(items), self._exponent)
        return items[bisect_right(steps, self._random() * steps[-1], hi=len(items) - 1)]

    def several(self, items: Sequence[Thing], count: int) -> list[Thing]:
        """`count` different items in the order drawn, each by the Zipf law."""
        picked: list[Thing] = []
        while len(picked) < count:
            item = self.one(items)
            if item not in picked:
                picked.append(item)
        return picked

    def even(self, items: Sequence[Thing]) -> Thing:
        """One item, uniformly."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[Thing]) -> list[Thing]:
        """The items in a uniformly random order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


@lru_cache(maxsize=1024)
def _cumulative(size: int, exponent: float) -> tuple[float, ...]:
    return tuple(accumulate((rank + 1) ** -exponent for rank in range(size)))
