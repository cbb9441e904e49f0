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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

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

    value: float
    df: float


@dataclass(frozen=True)
class Crossed:
    """Something that every seed meets alike: the items of a task, or the selection draws of a row.

    `between` is the variance of its own effect (an estimate, which may come out below zero), `rest` that of its
    effect in one seed, `count` how many there are, `weight` what their mean weighs in the estimate.
    """

    between: float
    rest: float
    count: int
    weight: float

    def terms(self, seeds: int) -> list[_Term]:
        """Its two terms in the variance with so many seeds, dropped together where it would be negative."""
        if self.between <= 0:
            return []
        coefficient = self.weight**2 / (seeds * self.count)
        return [
            _Term(coefficient * (self.rest + seeds * self.between), self.count - 1),
            _Term(-coefficient * self.rest, (seeds - 1) * (self.count - 1)),
        ]


@dataclass(frozen=True)
class Components:
    """What the variance of an estimate is made of; `seed_variance` is V of the module's docstring."""

    seed_variance: float
    parts: tuple[Crossed, ...]

    def terms(self, seeds: int) -> list[_Term]:
        """The variance with so many seeds, term by term, that of the seeds first."""
        return [
            _Term(self.seed_variance / seeds, seeds - 1),
            *(term for part in self.parts for term in part.terms(seeds)),
        ]

    def standard_error(self, seeds: int) -> float:
        """That of the estimate with so many seeds."""
        return float(np.sqrt(sum(term.value for term in self.terms(seeds))))

    def df(self, seeds: int) -> float:
        """Degrees of freedom with so many seeds; nan without any variance."""
        terms = self.terms(seeds)
        return max(float(seeds - 1), _degrees_of_freedom(terms)) if any(term.value for term in terms) else float("nan")


def crossed_interval(values: Sequence[np.ndarray], draws: Sequence[np.ndarray] = ()) -> Estimate:
    """The mean over tasks of `values` with its crossed t interval; deterministic.

    `values`: one array a task, shape (seeds, items of the task), float64, rows in the same seed order everywhere.
    `draws`: for each row that was drawn several times with every seed, its composites (mean over tasks of the mean
    over items), shape (draws, seeds). Raises ValueError when shapes disagree.
    """
    tasks = _checked(values)
    composite = np.mean([task.mean(axis=1) for task in tasks], axis=0)
    mean, seeds = float(composite.mean()), len(composite)
    if seeds < 2:
        return _unknown(mean, seeds, "one seed says nothing about the variation between seeds")
    return _student(mean, crossed_components(values, draws).terms(seeds), seeds)


def crossed_components(values: Sequence[np.ndarray], draws: Sequence[np.ndarray] = ()) -> Components:
    """The variance components behind `crossed_interval`; deterministic. Raises ValueError with fewer than two seeds."""
    tasks = _checked(values)
    composite = np.mean([task.mean(axis=1) for task in tasks], axis=0)
    if len(composite) < 2:
        raise ValueError("one seed says nothing about the variation between seeds")
    # With one item there is nothing between items to estimate; its effect is then part of the question asked. One draw
    # is all there is of its row, and its variation cannot be told from the row's mean.
    items = [_crossed(task, 1 / len(tasks)) for task in tasks if task.shape[1] > 1]
    drawn = [_crossed(np.asarray(row, dtype=np.float64).T, 1.0) for row in draws if len(row) > 1]
    return Components(float(composite.var(ddof=1)), (*items, *drawn))


def _checked(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not values:
        raise ValueError("an interval needs at least one task")
    tasks = [np.asarray(task, dtype=np.float64) for task in values]
    seeds = tasks[0].shape[0]
    if any(task.ndim != 2 or task.shape[0] != seeds or not task.shape[1] for task in tasks):
        raise ValueError("every task needs the same seeds and at least one item")
    return tasks


def _crossed(table: np.ndarray, weight: float) -> Crossed:
    """The component of a table's columns, shape (seeds, columns)."""
    of_columns, of_rest = _mean_squares(table)
    return Crossed((of_columns - of_rest) / len(table), of_rest, table.shape[1], weight)


def _mean_squares(table: np.ndarray) -> tuple[float, float]:
    """Mean squares of the columns and of the rest, for a table with one value per (row, column)."""
    rows, columns = table.shape
    of_columns = table.mean(axis=0)
    rest = table - of_columns - table.mean(axis=1, keepdims=True) + table.mean()
    return float(rows * of_columns.var(ddof=1)), float((rest**2).sum() / ((rows - 1) * (columns - 1)))


def _student(mean: float, terms: list[_Term], seeds: int) -> Estimate:
    variance = sum(term.value for term in terms)
    # Sums of equal floats leave a residue of rounding, which must not pass for a tiny but real variance.
    if variance <= np.finfo(np.float64).eps ** 2 * max(1.0, mean**2):
        if mean == 0:  # a row compared with itself
            return Estimate(0.0, 0.0, float(seeds - 1), 0.0, 0.0, 1.0, seeds)
        return _unknown(mean, seeds, "the values do not vary at all, so their spread cannot be estimated")
    error = float(np.sqrt(variance))
    df = max(float(seeds - 1), _degrees_of_freedom(terms))
    # Student's t from `special`: `scipy.stats` takes a second to import, and a page should start at once.
    reach = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * error
    p = float(2 * special.stdtr(df, -abs(mean) / error))
    return Estimate(mean, error, df, mean - reach, mean + reach, p, seeds)


def _degrees_of_freedom(terms: list[_Term]) -> float:
    """Satterthwaite's, with the first term (the seeds') counted twice; the module's docstring says why."""
    weighted = [_Term(WEIGHT_OF_SEEDS_IN_DF * terms[0].value, terms[0].df), *terms[1:]]
    return sum(term.value for term in weighted) ** 2 / sum(term.value**2 / term.df for term in weighted)


def _unknown(mean: float, seeds: int, note: str) -> Estimate:
    nan = float("nan")
    return Estimate(mean, nan, nan, nan, nan, nan, seeds, note)
