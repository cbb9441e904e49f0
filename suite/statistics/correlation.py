"""Rank and linear correlations with intervals that know about clusters, permutation p, and combination over strata.

Rows of one cluster (selections by one strategy with varied parameters) are not independent, so the cluster is what an
interval counts. Each coefficient r is put on Fisher's scale, z = atanh r; its standard error is that of the
delete-one-cluster jackknife divided by 1 - r^2, and t with clusters - 1 degrees of freedom makes the interval. In
normal worlds of 7 to 60 rows in 6 to 30 clusters, of equal or unequal size, true coefficients from 0 to 0.9, it covers
93 to 98 % at a stated 95 % (ranks of 7 rows more: they are coarse). There the percentile cluster bootstrap covers
88 to 97 and BCa 82 to 97 %, so the bootstrap is offered (`method="bootstrap"`) and not the default.

p without clusters is that of a permutation of y, exact up to 8 rows. With clusters a free permutation would claim more
than is known: it breaks up rows that belong together. There p flips the sign of each cluster's share in the
coefficient, as the score form of the wild cluster bootstrap does (Kline and Santos 2012, Journal of Econometric
Methods 1; Canay, Romano and Shaikh 2017, Econometrica 85), exact up to 20 clusters.

Strata (budgets) are combined on Fisher's scale with weights n - 3; clusters that stand in several strata under one
label are one cluster. NovelSum's summary, the mean of Pearson and Spearman, is given for comparison and has no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from suite.statistics.coefficients import NAMES, Association
from suite.statistics.inputs import cluster_codes, paired_columns
from suite.statistics.jackknife import ROUNDING, fisher_interval, percentile_interval, t_interval
from suite.statistics.permutation import orders, share_as_far, sign_flip

FEWEST = 3
"""Rows, and clusters, below which nothing is said."""

KENDALL_WORK = 4 * 10**7
"""Products spent on Kendall's permutations: of 63 rows 10,000, of more rows fewer."""

ALIKE = "no spread over the clusters to take an interval from"
"""Why there is no interval where every cluster, left out, leaves the same coefficient."""

Clusters = Sequence[object] | np.ndarray | None
Method = Literal["jackknife", "bootstrap"]


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95 % interval and two-sided p; nan where there is none, and `note` says why."""

    value: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    note: str = ""


@dataclass(frozen=True)
class Correlations:
    """Every coefficient of one pair of columns. `mean` is that of Pearson and Spearman, without a p."""

    spearman: Coefficient
    pearson: Coefficient
    kendall: Coefficient
    mean: Coefficient

    def items(self) -> list[tuple[str, Coefficient]]:
        """Name and coefficient, in the order of the fields."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


@dataclass(frozen=True)
class _Stratum:
    """One table with the cluster of each row, numbered over all strata."""

    table: Association
    clusters: np.ndarray
    weight: float

    @property
    def n(self) -> int:
        return len(self.clusters)

    def under(self, cluster_weights: np.ndarray) -> np.ndarray:
        """Coefficients, shape (m, 4), when clusters weigh as in (m, all clusters)."""
        weights = cluster_weights[:, self.clusters]
        there = weights.sum(axis=1) > 0
        found = np.full((len(weights), len(NAMES)), np.nan)
        if there.any():
            found[there] = self.table.under(weights[there])
        return found


def correlate(
    x: ArrayLike,
    y: ArrayLike,
    *,
    clusters: Clusters = None,
    method: Method = "jackknife",
    draws: int = 2000,
    permutations: int = 10_000,
    seed: int = 0,
) -> Correlations:
    """Spearman, Pearson, Kendall tau-b and NovelSum's mean of `x` and `y`; deterministic given `seed`.

    `clusters` labels each row (every row its own where None); `draws` are those of `method="bootstrap"`;
    `permutations=0` leaves p out. A constant side or fewer than 3 rows give nan and a note; fewer than 3 clusters, a
    perfect coefficient, or one that no cluster changes, a value without an interval and a note. Raises ValueError,
    naming the position, on what is no finite number, and where lengths differ.
    """
    return _correlations([(x, y, clusters)], method, draws, permutations, seed)


def combine_strata(
    parts: Sequence[tuple[ArrayLike, ArrayLike, Clusters]],
    *,
    method: Method = "jackknife",
    draws: int = 2000,
    permutations: int = 10_000,
    seed: int = 0,
) -> Correlations:
    """The correlation within strata (x, y, clusters), combined on Fisher's scale with weights n - 3.

    Strata with fewer than 4 rows or a constant side weigh nothing and are counted in the note; a perfect coefficient
    of a stratum counts as 1 - 1/n^2, as Fisher's scale has no place for it. p permutes within strata. Otherwise as
    `correlate`.
    """
    if len(parts) == 1:
        return _correlations(parts, method, draws, permutations, seed)
    enough = [part for part in parts if len(np.atleast_1d(part[0])) > FEWEST and _varies(part)]
    left_out = len(parts) - len(enough)
    note = f"{left_out} of {len(parts)} strata left out: fewer than 4 rows or a constant side" if left_out else ""
    return _correlations(enough, method, draws, permutations, seed, note)


def correlation_difference(
    first: ArrayLike,
    second: ArrayLike,
    y: ArrayLike,
    *,
    clusters: Clusters = None,
    method: Method = "jackknife",
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Coefficient]:
    """How much better `first` correlates with `y` than `second` does, on the same rows; deterministic given `seed`.

    One entry a field of `Correlations`. Both coefficients meet the same jackknife step or draw, so what they share
    cancels. The interval is t with clusters - 1 degrees of freedom on the plain scale, p that of the same t (nan with
    `method="bootstrap"`). Notes and errors as `correlate`.
    """
    one, other = paired_columns(first, second, ("first", "second"))
    _, performance = paired_columns(one, y, ("first", "y"))
    codes = cluster_codes(clusters, len(one))
    if len(one) < FEWEST:
        return {name: _unknown(len(one), _count(codes), _too_few(len(one))) for name in NAMES}
    tables = [_Stratum(Association(side, performance), codes, 1.0) for side in (one, other)]
    weights = _reweighted(_count(codes), method, draws, seed)
    value = tables[0].table.plain() - tables[1].table.plain()
    again = tables[0].under(weights) - tables[1].under(weights)
    return {
        name: _paired(
            float(value[at]), again[:, at], len(one), _count(codes), method, _constant(one, other, performance)
        )
        for at, name in enumerate(NAMES)
    }


def _varies(part: tuple[ArrayLike, ArrayLike, Clusters]) -> bool:
    x, y = paired_columns(part[0], part[1])
    return bool(np.ptp(x) > 0 and np.ptp(y) > 0)


def _correlations(
    parts: Sequence[tuple[ArrayLike, ArrayLike, Clusters]],
    method: Method,
    draws: int,
    permutations: int,
    seed: int,
    note: str = "",
) -> Correlations:
    columns = [paired_columns(x, y) for x, y, _ in parts]
    n = sum(len(x) for x, _ in columns)
    if n < FEWEST:
        nothing = _unknown(n, n, note or _too_few(n))
        return Correlations(nothing, nothing, nothing, nothing)
    codes = _codes_over_all([clusters for _, _, clusters in parts], [len(x) for x, _ in columns])
    strata = [
        _Stratum(Association(x, y), own, len(x) - 3 if len(parts) > 1 else 1.0)
        for (x, y), own in zip(columns, codes, strict=True)
    ]
    clusters = _count(np.concatenate(codes))
    plain = np.stack([stratum.table.plain() for stratum in strata])
    value = _combined(plain[:, None, :], strata)[0]
    weights = _reweighted(clusters, method, draws, seed)
    again = _combined(np.stack([stratum.under(weights) for stratum in strata]), strata)
    p = [*_p_values(strata, plain, clusters, permutations, seed), float("nan")]
    why = note or (_constant(*columns[0]) if len(columns) == 1 else "")
    return Correlations(
        *(_interval(float(value[at]), again[:, at], p[at], n, clusters, method, why) for at in range(len(NAMES)))
    )


def _codes_over_all(clusters: Sequence[Clusters], sizes: Sequence[int]) -> list[np.ndarray]:
    """Cluster numbers over all strata: one label is one cluster, and a row without labels is one of its own."""
    labels: list[object] = []
    for stratum, (own, size) in enumerate(zip(clusters, sizes, strict=True)):
        cluster_codes(own, size)
        labels += (
            [f"row {stratum} {row}" for row in range(size)] if own is None else [f"label {label}" for label in own]
        )
    return np.split(cluster_codes(labels, len(labels)), np.cumsum(sizes)[:-1])


def _reweighted(clusters: int, method: Method, draws: int, seed: int) -> np.ndarray:
    """Weights of clusters, shape (m, clusters): each left out once, or as often as a bootstrap draw takes them."""
    if method == "jackknife":
        return 1.0 - np.eye(clusters)
    rng = np.random.default_rng(seed)
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)


def _combined(found: np.ndarray, strata: Sequence[_Stratum]) -> np.ndarray:
    """Coefficients of shape (strata, m, 4) to (m, 4), by Fisher's z; one stratum stays as it is."""
    if len(strata) == 1:
        return found[0]
    sizes = np.array([stratum.n for stratum in strata])[:, None, None]
    z = np.arctanh(np.clip(found, -1 + 1 / sizes**2, 1 - 1 / sizes**2))
    weights = np.array([stratum.weight for stratum in strata], dtype=np.float64)[:, None, None] * ~np.isnan(z)
    total = weights.sum(axis=0)
    return np.tanh(
        np.divide((weights * np.nan_to_num(z)).sum(axis=0), total, out=np.full_like(total, np.nan), where=total > 0)
    )


def _interval(
    value: float, again: np.ndarray, p: float, n: int, clusters: int, method: Method, note: str
) -> Coefficient:
    if np.isnan(value) or clusters < FEWEST:
        return _without_interval(value, n, clusters, note)
    nan = float("nan")
    if abs(value) >= 1 - 1e-12:
        return Coefficient(value, nan, nan, p, n, clusters, "perfect: no spread to take an interval from")
    low, high = _drawn_interval(again) if method == "bootstrap" else fisher_interval(value, again)
    if not np.isnan(low):
        return Coefficient(value, low, high, p, n, clusters, note)
    lost = method == "jackknife" and np.isnan(again).any()
    why = "constant but for one cluster: no interval" if lost else ALIKE
    return Coefficient(value, low, high, p, n, clusters, f"{note}; {why}" if note else why)


def _drawn_interval(again: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of draws; nan where they are all alike, which is no certainty."""
    low, high = percentile_interval(again)
    return (low, high) if high - low > ROUNDING else (float("nan"), float("nan"))


def _paired(value: float, again: np.ndarray, n: int, clusters: int, method: Method, note: str) -> Coefficient:
    if np.isnan(value) or clusters < FEWEST:
        return _without_interval(value, n, clusters, note)
    if method == "bootstrap":
        low, high = _drawn_interval(again)
        return Coefficient(value, low, high, float("nan"), n, clusters, ALIKE if np.isnan(low) else "")
    low, high, p = t_interval(value, again)
    return Coefficient(value, low, high, p, n, clusters, ALIKE if np.isnan(low) else "")


def _without_interval(value: float, n: int, clusters: int, note: str) -> Coefficient:
    nan = float("nan")
    few = "1 cluster gives" if clusters == 1 else f"{clusters} clusters give"
    why = note if np.isnan(value) else f"{few} no interval"
    return Coefficient(value, nan, nan, nan, n, clusters, why)


def _p_values(
    strata: Sequence[_Stratum], plain: np.ndarray, clusters: int, permutations: int, seed: int
) -> list[float]:
    """p of the weighted sum over strata of Spearman, Pearson and Kendall."""
    weights = np.array([stratum.weight for stratum in strata])
    if not permutations:
        return [float("nan")] * 3
    if clusters < sum(stratum.n for stratum in strata):
        shares = np.zeros((clusters, 3))
        for stratum in strata:
            np.add.at(shares, stratum.clusters, stratum.weight * stratum.table.shares())
        constant = np.isnan(plain[:, :3]).all(axis=0)
        return [float("nan") if constant[at] else sign_flip(shares[:, at], seed=seed) for at in range(3)]
    rng = np.random.default_rng(seed)
    moved = [orders(stratum.n, permutations, rng) for stratum in strata]
    exact = len(strata) == 1 and moved[0][1]
    rows = min(len(order) for order, _ in moved)
    # Every case of one table is counted in turn; of several, each meets random cases of the others.
    picked = [order if exact else order[rng.integers(0, len(order), rows)] if all_ else order for order, all_ in moved]
    rows_kendall = rows if exact else max(1, min(rows, KENDALL_WORK // max(stratum.n for stratum in strata) ** 2))
    found = []
    for at, limit in ((0, rows), (1, rows), (2, rows_kendall)):
        null = sum(
            weight * np.nan_to_num(stratum.table.permuted(order[:limit], at))
            for weight, stratum, order in zip(weights, strata, picked, strict=True)
        )
        seen = float(np.nansum(weights * plain[:, at])) if not np.isnan(plain[:, at]).all() else float("nan")
        found.append(share_as_far(np.asarray(null), seen, exact))
    return found


def _count(codes: np.ndarray) -> int:
    return len(np.unique(codes))


def _constant(*columns: np.ndarray) -> str:
    return "a constant side: no correlation" if any(np.ptp(column) == 0 for column in columns) else ""


def _too_few(n: int) -> str:
    return f"{n} rows are too few to correlate"


def _unknown(n: int, clusters: int, note: str) -> Coefficient:
    return _without_interval(float("nan"), n, clusters, note)
