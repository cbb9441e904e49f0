"""Selections that hold more of the pool's overlapping rows than a random draw of their size would.

Of a pool of N rows K overlap an evaluation. A random draw of n different rows holds k of them with the hypergeometric
probability; P(at least k) is the p of a selection, adjusted by Holm over all selections that are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from suite.statistics.holm import holm
from suite.studies.kept import KeptPart

if TYPE_CHECKING:
    from suite.selection import Selection

LEVEL = 0.05


class SelectionMark(KeptPart):
    """How much of a selection overlaps, against a random draw of as many different rows.

    `picks` counts repeats, `different` does not, and all else is about the different rows: `overlapping` of them,
    their `share` with its exact 95 % interval (`low`, `high`), the number `expected` of a random draw, the one-sided
    `p` and its Holm-adjusted form. `marked` is whether the latter is below 0.05.
    """

    name: str
    strategy: str
    picks: int
    different: int
    overlapping: int
    expected: float
    share: float
    low: float
    high: float
    p: float
    p_holm: float
    marked: bool


def mark_selections(selections: Sequence[tuple[str, Selection]], overlapping: np.ndarray) -> tuple[SelectionMark, ...]:
    """A mark for each (name, selection), in their order; `overlapping` (pool,) bool are the rows that overlap.

    Repeated rows count once: repeating a row is no second draw. Deterministic. Source: Fisher's exact test, one-sided;
    Clopper and Pearson (1934) for the interval.
    """
    from scipy.stats import binomtest, hypergeom

    rows = [np.unique(selection.rows) for _, selection in selections]
    held = [int(overlapping[picked].sum()) for picked in rows]
    pool, marked = len(overlapping), int(overlapping.sum())
    p = [float(hypergeom.sf(count - 1, pool, marked, len(picked))) for count, picked in zip(held, rows, strict=True)]
    # Rounding can carry a tail that is the whole distribution a little above 1.
    p = [min(value, 1.0) for value in p]
    marks = []
    for (name, selection), picked, count, value, adjusted in zip(selections, rows, held, p, holm(p), strict=True):
        interval = binomtest(count, len(picked)).proportion_ci(0.95, method="exact")
        marks.append(
            SelectionMark(
                name=name,
                strategy=selection.strategy,
                picks=len(selection),
                different=len(picked),
                overlapping=count,
                expected=len(picked) * marked / pool,
                share=count / len(picked),
                low=float(interval.low),
                high=float(interval.high),
                p=value,
                p_holm=float(adjusted),
                marked=bool(adjusted < LEVEL),
            )
        )
    return tuple(marks)
