"""The board's one rule, end to end: of strategies that are no better than random, hardly any is called better."""

from __future__ import annotations

import numpy as np
import pytest

from suite.statistics.holm import holm
from suite.statistics.intervals import crossed_interval

WORLDS, ROWS, DRAWS, ITEMS = 1000, 4, 5, 30
ROOM = 2.5 * np.sqrt(0.05 * 0.95 / WORLDS)


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("better", [0, 2], ids=["all null", "two are better"])
def test_nulls_that_are_called_better_than_random(seeds: int, better: int) -> None:
    rng = np.random.default_rng([seeds, better])
    worlds = different = 0
    effects = np.array([0.5] * better + [0.0] * (ROWS - better))
    for _ in range(WORLDS):
        items = rng.normal(0, 0.3, ITEMS) + rng.normal(0, 0.05, (seeds, 1))
        random = items + rng.normal(0, 0.02, (DRAWS, 1, 1)) + rng.normal(0, 0.03, (DRAWS, seeds, 1))
        random = random + rng.normal(0, 0.3, (DRAWS, seeds, ITEMS))
        # Each strategy is a selection of its own, as a draw of random is.
        own = effects[:, None, None] + rng.normal(0, 0.03, (ROWS, seeds, 1)) + rng.normal(0, 0.1, (ROWS, 1, ITEMS))
        rows = items + own + rng.normal(0, 0.3, (ROWS, seeds, ITEMS))
        found = [crossed_interval([row - random.mean(axis=0)], [random.mean(axis=2)]) for row in rows]
        called = holm([estimate.p for estimate in found]) < 0.05
        null = np.arange(ROWS) >= better
        above = np.array([estimate.mean > 0 for estimate in found])
        worlds += bool((called & null & above).any())
        different += bool((called & null).any())
    assert worlds / WORLDS <= 0.05 + ROOM
    assert different / WORLDS <= 0.05 + ROOM
