"""Sign flips and permutations: p values that need no distribution, exact where all cases can be counted.

Under the null hypothesis of a sign flip each difference is as likely to have either sign, whatever its size; under that
of a permutation any order of one column is as likely as the one that was seen. p is the share of cases whose statistic
is at least as far from zero as what was seen; a sample of cases counts what was seen as one more, so p is never zero
(Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9).
"""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from suite.statistics.inputs import finite_column

EXACT_SIGNS = 20
"""Differences up to which all 2 ** n sign patterns are counted."""

EXACT_ORDER = 8
"""Rows up to which all n! orders are counted (40,320)."""

BLOCK = 2**18
TIE = 1e-9
"""Room within which two sums count as equal, relative to the largest there can be or was: the same sum in another
order differs by rounding, by more than itself where it should be zero."""


def sign_flip(differences: ArrayLike, *, draws: int = 100_000, seed: int = 0) -> float:
    """Two-sided p of the mean difference being zero, in (0, 1]; deterministic given `seed`.

    Exact up to 20 differences that are not zero (a zero has no sign to flip), else from `draws` random patterns. nan
    where there is none. Raises ValueError, naming the position, on what is no finite number.
    """
    values = finite_column(differences, "differences")
    if not len(values):
        return float("nan")
    values = values[values != 0]
    if not len(values):
        return 1.0
    seen = abs(values.sum()) - TIE * np.abs(values).sum()
    if len(values) <= EXACT_SIGNS:
        # Each pattern and its mirror image are equally far from zero: half of them will do.
        sums = values[:1]
        for value in values[1:]:
            sums = np.concatenate([sums + value, sums - value])
        return float((np.abs(sums) >= seen).mean())
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // len(values))
    further = 0
    for start in range(0, draws, rows):
        signs = rng.integers(0, 2, size=(min(rows, draws - start), len(values)), dtype=np.int8)
        further += int((np.abs((2.0 * signs - 1.0) @ values) >= seen).sum())
    return (further + 1) / (draws + 1)


def smallest_sign_flip_p(differences: int) -> float:
    """The smallest two-sided p that so many differences can reach: 0.25 at 3, 0.0625 at 5, 0.03125 at 6."""
    return 1.0 if differences < 1 else 2.0 ** (1 - differences)


def orders(n: int, permutations: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Orders of n rows, shape (m, n), int64, and whether they are all n! there are (n up to 8)."""
    if n <= EXACT_ORDER:
        return np.array(list(itertools.permutations(range(n)))).reshape(factorial(n), n), True
    return rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1), False


def share_as_far(null: np.ndarray, seen: float, exact: bool) -> float:
    """p of `seen` among null statistics, shape (m,), finite; exact where they are every case there is. nan for nan.

    In whatever unit the statistics are, p is the same.
    """
    if np.isnan(seen) or not len(null):
        return float("nan")
    away = np.abs(null)
    further = int((away >= abs(seen) - TIE * max(float(away.max()), abs(seen))).sum())
    return further / len(null) if exact else (further + 1) / (len(null) + 1)
