"""Ranks that say how sure they are: a bootstrap over seeds and items that are crossed, the same for every row.

Each draw resamples the seeds once and the items of every task once, alike for all rows and for all tasks that are asked
on the same items, so what they share (a lucky seed, a hard item) stays shared. The mean of a row in a draw is the mean
over tasks of u' X w, with X its (seeds, items) values and u, w how often seed and item were drawn; all rows and draws
of a block are one matrix product.

S seeds are resampled S - 1 at a time (Rao and Wu 1988, Journal of the American Statistical Association 83): drawn S at
a time they would show (S - 1)/S of their variance, two thirds at three seeds. The part of a value that is its item's
and seed's own counts about twice in the spread (Owen 2007, Annals of Applied Statistics 1), so ranks err on the side
of doubt. Bootstrap intervals of scores are not to be had here: `suite.statistics.intervals` covers, a bootstrap does
not.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.statistics.intervals import firsts

FEWEST_SEEDS = 3
BLOCK = 2**21
"""Weights of one block of draws: 16 MB."""

MOST_STEPS = np.iinfo(np.int16).max

TIE = 1e-12
"""Means closer than this, relative to the largest, are equal: sums in another order differ by rounding."""


@dataclass(frozen=True)
class RankTable:
    """How sure the ranks of some rows are; every array has one value a row, in the order of `names`.

    `rank_low` to `rank_high` holds the middle 95 % of a row's ranks (1 is best, ties share the better rank),
    `rank_best` and `rank_worst` all of them. `p_best` is the share of draws in which the row is best (a tie is shared),
    `p_beats` that in which it lies above the baseline (a tie counts half; nan for the baseline itself and without
    one). Where nothing can be said all are nan, and `note` says why.
    """

    names: tuple[str, ...]
    rank_low: np.ndarray
    rank_high: np.ndarray
    rank_best: np.ndarray
    rank_worst: np.ndarray
    p_best: np.ndarray
    p_beats: np.ndarray
    draws: int
    note: str = ""


@dataclass(frozen=True)
class Bootstrap:
    """The mean of each row on each task in every draw: `means` has shape (tasks, draws, rows), rows as in `names`.

    Whatever tasks are chosen, the mean of theirs is the row's in a draw. Where there can be no draws there are none,
    and `note` says why.
    """

    names: tuple[str, ...]
    means: np.ndarray
    note: str = ""

    def over(self, tasks: Sequence[int]) -> tuple[np.ndarray, float]:
        """The means over some tasks, shape (draws, rows), and by how much equal ones may differ."""
        total = np.zeros(self.means.shape[1:])
        for task in tasks:
            total += self.means[task]
        return total / len(tasks), 0.0

    def quantised(self) -> QuantisedBootstrap:
        """The same in a quarter of the space."""
        if self.note:
            return QuantisedBootstrap(self.names, *_no_steps(len(self.names), len(self.means)), self.note)
        # What all rows share in a draw orders none of them, and is most of what they vary by.
        apart = self.means - self.means.mean(axis=2, keepdims=True)
        base = apart.mean(axis=1)
        apart -= base[:, None]
        quantum = np.abs(apart).max(axis=(1, 2)) / MOST_STEPS
        quantum[quantum == 0] = 1.0
        steps = np.rint(apart / quantum[:, None, None]).astype(np.int16)
        return QuantisedBootstrap(
            self.names, base.T, quantum, np.ascontiguousarray(steps.transpose(2, 0, 1)), self.note
        )


@dataclass(frozen=True)
class QuantisedBootstrap:
    """A bootstrap without what all rows share in a draw, each value rounded to a step of its task.

    `base` has shape (rows, tasks), `quantum` (the size of a step) shape (tasks,), `steps` shape (rows, tasks, draws),
    int16. Values that were equal differ by a step at most.
    """

    names: tuple[str, ...]
    base: np.ndarray
    quantum: np.ndarray
    steps: np.ndarray
    note: str = ""

    def over(self, tasks: Sequence[int]) -> tuple[np.ndarray, float]:
        """The means over some tasks, shape (draws, rows), and by how much equal ones may differ."""
        chosen = list(tasks)
        total = np.repeat(self.base[:, chosen].sum(axis=1)[:, None], self.steps.shape[2], axis=1)
        here = np.empty_like(total)
        for task in chosen:
            total += np.multiply(self.steps[:, task], self.quantum[task], out=here)
        return np.ascontiguousarray(total.T) / len(chosen), float(self.quantum[chosen].mean())


def ranks(
    draws: Bootstrap | QuantisedBootstrap, tasks: Sequence[int] | None = None, *, baseline: str | None = None
) -> RankTable:
    """How sure the ranks are on the tasks at some positions (all).

    Raises ValueError on a baseline that is none of the rows, and without any task.
    """
    if baseline is not None and baseline not in draws.names:
        raise ValueError(f"the baseline {baseline!r} is none of the rows")
    if draws.note:
        return _unknown(draws.names, 0, draws.note)
    chosen = range(len(draws.means) if isinstance(draws, Bootstrap) else len(draws.quantum)) if tasks is None else tasks
    if not chosen:
        raise ValueError("ranks need at least one task")
    means, room = draws.over(chosen)
    return _summary(draws.names, means, baseline, room)


def bootstrap_ranks(
    scores: Mapping[str, Sequence[np.ndarray]],
    *,
    baseline: str | None = None,
    selections: Mapping[str, np.ndarray] | None = None,
    items: Sequence[Hashable] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> RankTable:
    """Rank intervals, P(best) and P(beats baseline) of rows: the `ranks` of their `bootstrap` on all tasks."""
    return ranks(bootstrap(scores, selections=selections, items=items, draws=draws, seed=seed), baseline=baseline)


def bootstrap(
    scores: Mapping[str, Sequence[np.ndarray]],
    *,
    selections: Mapping[str, np.ndarray] | None = None,
    items: Sequence[Hashable] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> Bootstrap:
    """Draw rows again and again; higher is better; deterministic given `seed`.

    `scores[name]` holds one array a task, shape (seeds, items of the task), with the same seeds and items for all
    names. `selections[name]`, for a row that is the mean of several selection draws (`random`), holds its means on
    each task, shape (tasks, selection draws, seeds), or their composites, shape (selection draws, seeds): each
    bootstrap draw resamples them, too. `items` names the items of each task, as for
    `suite.statistics.intervals.crossed_interval`. Fewer than 3 seeds, or fewer than 2 rows, give a note and no draws.
    Raises ValueError on shapes that differ and on values that are not finite.
    """
    names = tuple(scores)
    tasks = _stacked(scores)
    seeds = len(tasks[0]) if tasks else 0
    note = ""
    if len(names) < 2:
        note = f"{len(names)} row{'' if len(names) == 1 else 's'}: nothing to rank"
    elif seeds < FEWEST_SEEDS:
        note = f"{seeds} seeds say too little about the variation between seeds for ranks"
    if note:
        return Bootstrap(names, np.empty((len(tasks), 0, len(names))), note)
    means = task_means(tasks, firsts(items, tasks), draws=draws, seed=seed)
    rng = np.random.default_rng([seed, 1])
    for name, found in (selections or {}).items():
        means[:, :, names.index(name)] += _redrawn(np.asarray(found, dtype=np.float64), draws, rng)
    return Bootstrap(names, means)


def task_means(
    tasks: Sequence[np.ndarray], same_items: Sequence[int] | None = None, *, draws: int, seed: int
) -> np.ndarray:
    """Means of resampled rows on each task, shape (tasks, draws, rows), from arrays of shape (seeds, items, rows).

    `same_items` says for each task which is the first with its items (None: each has its own).
    """
    rng = np.random.default_rng(seed)
    seeds, rows = tasks[0].shape[0], tasks[0].shape[2]
    of_seeds = _weights(draws, seeds, seeds - 1, rng)
    means = np.empty((len(tasks), draws, rows))
    asked: dict[int, list[int]] = {}
    for at, first in enumerate(range(len(tasks)) if same_items is None else same_items):
        asked.setdefault(first, []).append(at)
    for first, alike in asked.items():
        items = tasks[first].shape[1]
        flat = np.concatenate([tasks[at].transpose(1, 0, 2).reshape(items, seeds * rows) for at in alike], axis=1)
        block = max(1, BLOCK // max(flat.shape))
        for start in range(0, draws, block):
            here = slice(start, min(start + block, draws))
            drawn = (_weights(here.stop - start, items, items, rng) @ flat).reshape(-1, len(alike), seeds, rows)
            means[alike, here] = np.einsum("ms,mtsr->tmr", of_seeds[here], drawn)
    return means


def _stacked(scores: Mapping[str, Sequence[np.ndarray]]) -> list[np.ndarray]:
    """One array a task, shape (seeds, items, rows), float64."""
    shapes = {name: [np.shape(task) for task in tasks] for name, tasks in scores.items()}
    if not shapes:
        return []
    first = next(iter(shapes))
    for name, found in shapes.items():
        if found != shapes[first] or not found or any(len(shape) != 2 or 0 in shape for shape in found):
            raise ValueError(f"{name} has tasks of shapes {found} and {first} {shapes[first]}: (seeds, items) alike")
        if len({shape[0] for shape in found}) > 1:
            raise ValueError(f"{name} has other seeds in one task than in another: {found}")
        if not all(np.isfinite(task).all() for task in scores[name]):
            raise ValueError(f"{name} holds values that are not finite")
    return [
        np.stack([np.asarray(tasks[at], dtype=np.float64) for tasks in scores.values()], axis=2)
        for at in range(len(shapes[first]))
    ]


def _weights(draws: int, units: int, taken: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit is drawn when `taken` are drawn with replacement, over `taken`; shape (draws, units)."""
    # Counting uniform picks is six times as fast as drawing from the multinomial distribution.
    picks = rng.integers(0, units, size=(draws, taken), dtype=np.int32)
    picks += np.arange(draws, dtype=np.int32)[:, None] * units
    counts = np.bincount(picks.ravel(), minlength=draws * units)
    return counts.reshape(draws, units) / taken


def _redrawn(means: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """By how much other selection draws would have moved the row's mean, shape (tasks or 1, draws)."""
    selections = means.shape[-2]
    if selections < 2:
        return np.zeros((1, draws))
    apart = means.mean(axis=-1) - means.mean(axis=(-2, -1))[..., None]
    return np.atleast_2d(apart) @ _weights(draws, selections, selections - 1, rng).T


def _summary(names: tuple[str, ...], means: np.ndarray, baseline: str | None, room: float) -> RankTable:
    room += TIE * max(1.0, float(np.abs(means).max()))
    ranks = ranks_in_draws(means, room)
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    best = ranks == 1
    if baseline is None:
        beats = np.full(len(names), np.nan)
    else:
        at = names.index(baseline)
        gap = means - means[:, at, None]
        beats = ((gap > room) + 0.5 * (np.abs(gap) <= room)).mean(axis=0)
        beats[at] = np.nan
    return RankTable(
        names=names,
        rank_low=low,
        rank_high=high,
        rank_best=ranks.min(axis=0),
        rank_worst=ranks.max(axis=0),
        p_best=(best / best.sum(axis=1, keepdims=True)).mean(axis=0),
        p_beats=beats,
        draws=len(means),
    )


def ranks_in_draws(means: np.ndarray, room: float) -> np.ndarray:
    """The rank of each row in each draw, shape (draws, rows), int32: 1 plus how many lie more than `room` above it.

    One sort a draw, O(rows log rows): to compare every two rows takes seconds for a few hundred.
    """
    order = np.argsort(means, axis=1)
    rising = np.take_along_axis(means, order, axis=1)
    not_above = np.empty(means.shape, dtype=np.int32)
    # Searching for rising values in a rising row is five times as fast as for the values as they come.
    for row, limits, found in zip(rising, rising + room, not_above, strict=True):
        found[:] = row.searchsorted(limits, side="right")
    ranks = np.empty_like(not_above)
    np.put_along_axis(ranks, order, means.shape[1] + 1 - not_above, axis=1)
    return ranks


def _no_steps(rows: int, tasks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros((rows, tasks)), np.ones(tasks), np.zeros((rows, tasks, 0), dtype=np.int16)


def _unknown(names: tuple[str, ...], draws: int, note: str) -> RankTable:
    nothing = np.full(len(names), np.nan)
    return RankTable(names, nothing, nothing, nothing, nothing, nothing, nothing, draws, note)
