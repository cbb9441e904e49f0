"""What a design can find out before it is paid for: power, the least difference it detects, the seeds it would take.

The variance of a difference with s seeds follows from the crossed components of one that was measured
(`suite.statistics.intervals`): the seeds' part shrinks with s, that of items and selection draws does not, so there are
differences that no number of seeds will show on the same items. Power is that of the board's own two-sided t test,
from the noncentral t distribution with the degrees of freedom of the planned seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from suite.statistics.intervals import Components

LEVEL = 0.05
POWER = 0.8
MOST_SEEDS = 1000
EXACT_RANKS = 14
"""Rows up to which the distribution of Spearman's coefficient is counted exactly."""


def power_of(difference: float, components: Components, seeds: int, *, level: float = LEVEL) -> float:
    """The chance that the two-sided t test finds a true `difference` with so many seeds; in [level, 1].

    nan with fewer than two seeds or without any variance. Raises ValueError on a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not at {level}")
    if seeds < 2 or not components.standard_error(seeds) > 0:
        return float("nan")
    return _power(abs(difference) / components.standard_error(seeds), components.df(seeds), level)


def _power(away: float, df: float, level: float) -> float:
    """The chance that the t test finds a difference of so many standard errors."""
    # The square of a noncentral t is a noncentral F, whose distribution stays finite far from zero.
    return float(1 - special.ncfdtr(1, df, away**2, special.stdtrit(df, 1 - level / 2) ** 2))


def minimum_detectable(components: Components, seeds: int, *, power: float = POWER, level: float = LEVEL) -> float:
    """The least true difference that is found with probability `power`, in the unit of the components' roots.

    nan where `power_of` is. Raises ValueError unless level < power < 1.
    """
    if not level < power < 1:
        raise ValueError(f"power must lie between the level ({level}) and 1, not at {power}")
    if np.isnan(power_of(0.0, components, seeds, level=level)):
        return float("nan")
    from scipy import optimize  # takes long to import, and nothing else here needs it

    df = components.df(seeds)
    top = 1.0
    while _power(top, df, level) < power:
        top *= 2
    found = optimize.brentq(lambda away: _power(away, df, level) - power, 0.0, top, xtol=1e-10)
    return float(found) * components.standard_error(seeds)


def seeds_needed(
    difference: float, components: Components, *, power: float = POWER, level: float = LEVEL
) -> int | None:
    """The fewest seeds with which `difference` is found with probability `power`; None where 1,000 do not suffice.

    Mostly that means that the items alone leave too much doubt, and more seeds on the same items do not help; it is
    None, too, without any variance to plan by.
    """
    if not minimum_detectable(components, MOST_SEEDS, power=power, level=level) <= abs(difference):
        return None
    fewest, most = 1, MOST_SEEDS  # the least detectable difference falls with every seed
    while most - fewest > 1:
        middle = (fewest + most) // 2
        if minimum_detectable(components, middle, power=power, level=level) > abs(difference):
            fewest = middle
        else:
            most = middle
    return most


@lru_cache
def critical_spearman(n: int, level: float = LEVEL) -> float:
    """The least |Spearman| of n rows without ties whose two-sided p is at most `level`; nan where none is.

    Exact up to 14 rows (0.886 at 6, 0.786 at 7, 0.738 at 8, 0.587 at 12), from the t distribution above.
    """
    if n < 3:
        return float("nan")
    if n > EXACT_RANKS:
        t = special.stdtrit(n - 2, 1 - level / 2)
        return float(t / np.sqrt(n - 2 + t**2))
    counts = _squared_rank_differences(n)
    most = (n**3 - n) // 3
    rho = 1 - 2 * np.arange(most + 1) / most
    # The coefficient is symmetric about zero, so the tail above counts twice.
    p = 2 * np.cumsum(counts) / counts.sum()
    reached = np.flatnonzero((p <= level + 1e-12) & (counts > 0))
    return float(rho[reached[-1]]) if len(reached) else float("nan")


def _squared_rank_differences(n: int) -> np.ndarray:
    """How many orders of n rows have a sum of squared rank differences of 0, 1, 2, ...; exact integers."""
    most = (n**3 - n) // 3
    # Row i = number of ranks given so far; `given` says which. 2 ** n sums instead of n! orders.
    of_given: dict[int, np.ndarray] = {0: np.eye(1, most + 1, dtype=np.int64)[0]}
    for row in range(n):
        further: dict[int, np.ndarray] = {}
        for given, counts in of_given.items():
            for rank in range(n):
                if given >> rank & 1:
                    continue
                apart = (row - rank) ** 2
                target = further.setdefault(given | 1 << rank, np.zeros(most + 1, dtype=np.int64))
                target[apart:] += counts[: most + 1 - apart]
        of_given = further
    return of_given[2**n - 1]
