"""The interval behind every number on the board: a t interval with seeds and items crossed, tasks fixed.

Derivation. Let D[t, s, i] be what is averaged (a normalised score, or an item-paired difference of two) on item i of
task t under training seed s. Every seed meets every item, so the two are crossed, and one seed means one fine-tuned
model that meets all tasks:

    D[t, s, i] = mu[t] + a[t, s] + b[t, i] + e[t, s, i]

Tasks are fixed and weigh w = 1/T each. The estimate of mu = sum w mu[t] is the mean over seeds of the composite
C[s] = sum over t of w * (mean over i of D[t, s, i]). Its variance is

    Var = Var(A)/S + sum w^2 Var(b[t])/I[t] + sum w^2 Var(e[t])/(S I[t]),      A[s] = sum w a[t, s]

A seed that is lucky on one task tends to be lucky on others, so Var(A) is not the sum of per-task variances. The sample
variance V of C[s] takes the covariance in: item means are common to all seeds and drop out of it, hence
E[V] = Var(A) + sum w^2 Var(e[t])/I[t], and V/S carries the first and the last term at once. The middle term follows
from the two-way mean squares of each task, E[MS_item] = Var(e) + S Var(b) and E[MS_rest] = Var(e):

    Var-hat = V/S + sum w^2 max(0, MS_item[t] - MS_rest[t]) / (S I[t])

For one task V = MS_seed/I, and this is the two-way crossed estimate (MS_seed + MS_item - MS_rest)/(S I).

Tasks may be asked on the same items: the same questions scored by exact match and by likelihood. An item that is hard
in one way tends to be in the other, so such tasks have one middle term together, that of their sum: with t and u
running over them, Var(sum b[t]) = sum over t, u of Cov(b[t], b[u]), and the covariances come from mean products in
place of the mean squares. Forgetting them, intervals at 95 % cover 92.5 to 93.5 % where the effects correlate by 0.45.

A row drawn R times with every seed (`random`) enters as its mean over draws. Its R draws are common to all seeds, so
their variance over R is invisible to V and is added: from the R x S composites of that row,
(MS_draw - MS_draw,seed)/(S R), never below zero. The draw-by-seed part is already in V.

Degrees of freedom are Satterthwaite's, (sum of c M)^2 / sum of (c M)^2 / df over the mean squares M with coefficients
c, and at least S - 1. With few seeds they come out too high just when V came out too low: where seeds make up most of
the variance, plain Satterthwaite covers 92 to 94 % at 3 seeds. So V counts twice there (not in the variance), which
brings 94 to 95.5 % at 3 seeds and 95 to 95.5 % from 4 on, whatever the mixture. See Satterthwaite (1946), Biometrics
Bulletin 2; Searle, Casella and McCulloch, Variance Components (1992), chapter 4.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import special

Numbers = float | np.ndarray
"""One number, or one for each of several estimates that are made alike."""
CONFIDENCE = 0.95
WEIGHT_OF_SEEDS_IN_DF = 2.0


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, degrees of freedom, 95 % interval and two-sided p against zero.

    Where no interval can be had, all but `mean` and `seeds` are nan and `note` says why.
    """

    mean: float
    standard_error: float
    df: float
    low: float
    high: float
    p: float
    seeds: int
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan(self.standard_error)

    @property
    def half_width(self) -> float:
        """Half the interval's width, nan where there is none."""
        return (self.high - self.low) / 2

    @property
    def standard_errors(self) -> float:
        """The mean in units of its standard error, nan where that is zero or unknown."""
        return self.mean / self.standard_error if self.standard_error > 0 else float("nan")


@dataclass(frozen=True)
class _Term:
    """One mean square times its coefficient in the variance, with its degrees of freedom."""

    value: Numbers
    df: float


@dataclass(frozen=True)
class Crossed:
    """Something that every seed meets alike: the items of a task, or the selection draws of a row.

    `between` is the variance of its own effect (an estimate, which may come out below zero), `rest` that of its
    effect in one seed, `count` how many there are (two or more), `weight` what their mean weighs in the estimate.
    """

    between: Numbers
    rest: Numbers
    count: int
    weight: float

    def terms(self, seeds: int) -> list[_Term]:
        """Its two terms in the variance with so many seeds, zero together where it would be negative."""
        coefficient = self.weight**2 / (seeds * self.count)
        there = np.greater(self.between, 0)
        return [
            _Term(np.where(there, coefficient * (self.rest + seeds * self.between), 0.0), self.count - 1),
            _Term(np.where(there, -coefficient * self.rest, 0.0), (seeds - 1) * (self.count - 1)),
        ]


@dataclass(frozen=True)
class Components:
    """What the variance of an estimate is made of; `seed_variance` is V of the module's docstring."""

    seed_variance: Numbers
    parts: tuple[Crossed, ...]

    def terms(self, seeds: int) -> list[_Term]:
        """The variance with so many seeds, term by term, that of the seeds first."""
        return [
            _Term(np.asarray(self.seed_variance) / seeds, seeds - 1),
            *(term for part in self.parts for term in part.terms(seeds)),
        ]

    def averaged(self) -> Components:
        """The mean of several estimates' components, part by part.

        Those below zero count as they are: setting them to zero first would make the mean too large.
        """
        parts = (
            replace(part, between=float(np.mean(part.between)), rest=float(np.mean(part.rest))) for part in self.parts
        )
        return Components(float(np.mean(self.seed_variance)), tuple(parts))

    def standard_error(self, seeds: int) -> float:
        """That of one estimate with so many seeds."""
        return float(np.sqrt(sum(term.value for term in self.terms(seeds))))

    def df(self, seeds: int) -> float:
        """Degrees of freedom of one estimate with so many seeds; nan without any variance."""
        terms = self.terms(seeds)
        return float(_degrees_of_freedom(terms, seeds)) if any(term.value for term in terms) else float("nan")


@dataclass(frozen=True)
class Moments:
    """All that intervals need to know of the values behind a mean over tasks, or over some of them.

    `seed_means` has shape (tasks, seeds). `between` and `rest` have shape (tasks, tasks): those of `Crossed` for the
    items of each task, and between two tasks the covariances, zero where they have other items, and everywhere where
    there is one item or one seed. `same_items` says for each task which is the first with its items. `draws` holds, for
    each row that was drawn several times with every seed, its means over items, shape (tasks, draws, seeds).
    """

    seed_means: np.ndarray
    between: np.ndarray
    rest: np.ndarray
    same_items: tuple[int, ...]
    draws: tuple[np.ndarray, ...] = ()

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """Of two with equal shapes the intervals are made alike."""
        return (self.seed_means.shape, self.same_items, *(drawn.shape for drawn in self.draws))

    def composite(self, tasks: Sequence[int]) -> np.ndarray:
        """The mean over some tasks in each seed, shape (seeds,)."""
        return self.seed_means[list(tasks)].mean(axis=0)


def crossed_interval(
    values: Sequence[np.ndarray], draws: Sequence[np.ndarray] = (), items: Sequence[Hashable] | None = None
) -> Estimate:
    """The mean over tasks of `values` with its crossed t interval; deterministic.

    `values`: one array a task, shape (seeds, items of the task), float64, rows in the same seed order everywhere.
    `draws`: for each row that was drawn several times with every seed, its composites (mean over tasks of the mean
    over items), shape (draws, seeds), or its means on each task, shape (tasks, draws, seeds). `items`: a name for the
    items of each task; tasks of one name have the same items in the same order (None: all have their own). Raises
    ValueError when shapes disagree and on values that are not finite.
    """
    return crossed_intervals([moments(values, draws, items)], _items(values))[0]


def crossed_components(
    values: Sequence[np.ndarray], draws: Sequence[np.ndarray] = (), items: Sequence[Hashable] | None = None
) -> Components:
    """The variance components behind `crossed_interval`; deterministic. Raises ValueError with fewer than two seeds."""
    found = moments(values, draws, items)
    if found.seed_means.shape[1] < 2:
        raise ValueError("one seed says nothing about the variation between seeds")
    return components([found], _items(values)).averaged()


def moments(
    values: Sequence[np.ndarray], draws: Sequence[np.ndarray] = (), items: Sequence[Hashable] | None = None
) -> Moments:
    """The moments of what `crossed_interval` takes, which says what it raises."""
    tasks = _checked(values)
    same_items = firsts(items, tasks)
    between, rest = _item_parts(tasks, same_items)
    drawn = (np.asarray(row, dtype=np.float64) for row in draws)
    return Moments(
        np.stack([task.mean(axis=1) for task in tasks]),
        between,
        rest,
        same_items,
        tuple(row if row.ndim == 3 else np.broadcast_to(row, (len(tasks), *row.shape)) for row in drawn),
    )


def firsts(items: Sequence[Hashable] | None, tasks: Sequence[np.ndarray]) -> tuple[int, ...]:
    """For each task the position of the first with its items. Raises ValueError where their numbers differ."""
    if items is None:
        return tuple(range(len(tasks)))
    if len(items) != len(tasks):
        raise ValueError(f"{len(tasks)} tasks need as many names of their items, not {len(items)}")
    first = {name: at for at, name in reversed(list(enumerate(items)))}
    found = tuple(first[name] for name in items)
    if any(task.shape[1] != tasks[at].shape[1] for task, at in zip(tasks, found, strict=True)):
        raise ValueError("tasks of the same items differ in their number")
    return found


def _item_parts(tasks: Sequence[np.ndarray], same_items: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """`between` and `rest` of the items of each task, and their covariances, each of shape (tasks, tasks)."""
    found = np.zeros((2, len(tasks), len(tasks)))
    several = [at for at, task in enumerate(tasks) if min(task.shape) > 1]
    for at in several:
        found[:, at, at] = crossed_parts(tasks[at])
    for one, other in combinations(several, 2):
        if same_items[one] == same_items[other]:
            # Both are quadratic forms: what the sum has beyond the two is twice what they have in common.
            both = np.array(crossed_parts(tasks[one] + tasks[other]))
            found[:, one, other] = found[:, other, one] = (both - found[:, one, one] - found[:, other, other]) / 2
    return found[0], found[1]


def crossed_intervals(
    found: Sequence[Moments], items: Sequence[int], tasks: Sequence[int] | None = None
) -> list[Estimate]:
    """The estimate of each of several means, over the tasks at some positions (all); `items` counts those of each task.

    Deterministic, and the same for a mean whichever others are asked for with it.
    """
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for at, one in enumerate(found):
        alike.setdefault(one.shape, []).append(at)
    estimates: dict[int, Estimate] = {}
    for places in alike.values():
        composites, parts = _stacked([found[at] for at in places], items, tasks)
        estimates |= zip(places, _estimates(composites, parts), strict=True)
    return [estimates[at] for at in range(len(found))]


def components(found: Sequence[Moments], items: Sequence[int], tasks: Sequence[int] | None = None) -> Components:
    """The variance components of means of one shape over the tasks at some positions (all), one value for each."""
    return _stacked(found, items, tasks)[1]


def _items(values: Sequence[np.ndarray]) -> list[int]:
    return [np.shape(task)[1] for task in values]


def _stacked(
    found: Sequence[Moments], items: Sequence[int], tasks: Sequence[int] | None
) -> tuple[np.ndarray, Components]:
    """Composites, shape (rows, seeds), and the components of each row (none with one seed), of moments of one shape."""
    chosen = list(range(len(items)) if tasks is None else tasks)
    # `take` lays numbers out in one way whichever tasks are chosen, so that sums come out alike to the last digit.
    composites = np.stack([one.seed_means for one in found]).take(chosen, axis=1).mean(axis=1)
    if composites.shape[1] < 2:
        return composites, Components(float("nan"), ())
    between = np.stack([one.between for one in found])
    rest = np.stack([one.rest for one in found])
    # With one item there is nothing between items to estimate; its effect is then part of the question asked. One draw
    # is all there is of its row, and its variation cannot be told from the row's mean.
    asked: dict[int, list[int]] = {}
    for task in chosen:
        asked.setdefault(found[0].same_items[task], []).append(task)
    parts = [
        Crossed(_sum(between, tasks), _sum(rest, tasks), items[first], 1 / len(chosen))
        for first, tasks in asked.items()
        if items[first] > 1
    ]
    for rows in zip(*(one.draws for one in found), strict=True):
        if rows[0].shape[1] > 1:
            drawn = np.stack(rows).take(chosen, axis=1).mean(axis=1)
            parts.append(Crossed(*crossed_parts(drawn, seeds_axis=-1), drawn.shape[1], 1.0))
    return composites, Components(composites.var(axis=1, ddof=1), tuple(parts))


def _sum(matrices: np.ndarray, tasks: list[int]) -> np.ndarray:
    """The sum over the rows and columns of some tasks, of matrices of shape (rows, tasks, tasks)."""
    return matrices[:, tasks][:, :, tasks].reshape(len(matrices), -1).sum(axis=1)


def _estimates(composites: np.ndarray, components: Components) -> list[Estimate]:
    means, seeds = composites.mean(axis=1), composites.shape[1]
    if seeds < 2:
        return [
            _unknown(float(mean), seeds, "one seed says nothing about the variation between seeds") for mean in means
        ]
    terms = components.terms(seeds)
    variance = np.broadcast_to(sum(term.value for term in terms), means.shape)
    # Sums of equal floats leave a residue of rounding, which must not pass for a tiny but real variance.
    constant = variance <= np.finfo(np.float64).eps ** 2 * np.maximum(1.0, means**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variance)
        df = np.broadcast_to(_degrees_of_freedom(terms, seeds), means.shape)
        # Student's t from `special`: `scipy.stats` takes a second to import, and a page should start at once.
        reach = special.stdtrit(df, (1 + CONFIDENCE) / 2) * error
        p = 2 * special.stdtr(df, -np.abs(means) / error)
    rows = np.stack([means, error, df, means - reach, means + reach, p], axis=1).tolist()
    return [
        _of_a_constant(mean, seeds) if still else Estimate(mean, spread, freedom, low, high, chance, seeds)
        for still, (mean, spread, freedom, low, high, chance) in zip(constant.tolist(), rows, strict=True)
    ]


def crossed_parts(tables: np.ndarray, *, seeds_axis: int = -2) -> tuple[np.ndarray, np.ndarray]:
    """`between` and `rest` of what crosses the seeds in each table, shape (..., seeds, columns) or the other way round.

    Both have the shape before the last two axes, which `seeds_axis` (-2 or -1) tells apart. There must be two or more
    of either.
    """
    columns_axis = -3 - seeds_axis
    seeds, columns = tables.shape[seeds_axis], tables.shape[columns_axis]
    before = tables.shape[:-2]
    of_columns = tables.mean(axis=seeds_axis, keepdims=True)
    overall = tables.reshape(*before, seeds * columns).mean(axis=-1)[..., None, None]
    left = tables - of_columns - tables.mean(axis=columns_axis, keepdims=True) + overall
    rest = (left**2).reshape(*before, seeds * columns).sum(axis=-1) / ((seeds - 1) * (columns - 1))
    square = seeds * of_columns.reshape(*before, columns).var(axis=-1, ddof=1)
    return (square - rest) / seeds, rest


def _checked(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not values:
        raise ValueError("an interval needs at least one task")
    tasks = [np.asarray(task, dtype=np.float64) for task in values]
    seeds = tasks[0].shape[0]
    if any(task.ndim != 2 or task.shape[0] != seeds or not task.shape[1] for task in tasks):
        raise ValueError("every task needs the same seeds and at least one item")
    for at, task in enumerate(tasks):
        if not np.isfinite(task).all():
            raise ValueError(f"task {at} holds values that are not finite")
    return tasks


def _degrees_of_freedom(terms: list[_Term], seeds: int) -> Numbers:
    """Satterthwaite's, the seeds' term counted twice, and at least seeds - 1: see the module's docstring."""
    weighted = [replace(terms[0], value=WEIGHT_OF_SEEDS_IN_DF * terms[0].value), *terms[1:]]
    total = np.asarray(sum(term.value for term in weighted))
    return np.maximum(float(seeds - 1), total**2 / sum(term.value**2 / term.df for term in weighted))


def _of_a_constant(mean: float, seeds: int) -> Estimate:
    if mean == 0:  # a row compared with itself
        return Estimate(0.0, 0.0, float(seeds - 1), 0.0, 0.0, 1.0, seeds)
    return _unknown(mean, seeds, "the values do not vary at all, so their spread cannot be estimated")


def _unknown(mean: float, seeds: int, note: str) -> Estimate:
    nan = float("nan")
    return Estimate(mean, nan, nan, nan, nan, nan, seeds, note)
