"""Ranks that say how sure they are: a bootstrap over seeds and items that are crossed, the same for every row.

Each draw resamples the seeds once and the items of every task once, alike for all rows, so what rows share (a lucky
seed, a hard item) stays shared. The mean of a row in a draw is the mean over tasks of u' X w, with X its (seeds, items)
values and u, w how often seed and item were drawn; all rows and draws of a block are one matrix product.

S seeds are resampled S - 1 at a time (Rao and Wu 1988, Journal of the American Statistical Association 83): drawn S at
a time they would show (S - 1)/S of their variance, two thirds at three seeds. The part of a value that is its item's
and seed's own counts about twice in the spread (Owen 2007, Annals of Applied Statistics 1), so ranks err on the side
of doubt. Bootstrap intervals of scores are not to be had here: `suite.statistics.intervals` covers, a bootstrap does
not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_SEEDS = 3
BLOCK = 2**21
"""Weights of one block of draws: 16 MB."""

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


def bootstrap_ranks(
    scores: Mapping[str, Sequence[np.ndarray]],
    *,
    baseline: str | None = None,
    selections: Mapping[str, np.ndarray] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> RankTable:
    """Rank intervals, P(best) and P(beats baseline) of rows; higher is better; deterministic given `seed`.

    `scores[name]` holds one array a task, shape (seeds, items of the task), with the same seeds and items for all
    names. `selections[name]`, for a row that is the mean of several selection draws (`random`), holds their composites,
    shape (selection draws, seeds): each bootstrap draw resamples them, too. Fewer than 3 seeds, or fewer than 2 rows,
    give nan and a note. Raises ValueError on shapes that differ, values that are not finite and an unknown baseline.
    """
    names = tuple(scores)
    if baseline is not None and baseline not in scores:
        raise ValueError(f"the baseline {baseline!r} is none of the rows")
    tasks = _stacked(scores)
    seeds = len(tasks[0]) if tasks else 0
    if len(names) < 2:
        return _unknown(names, draws, f"{len(names)} row{'' if len(names) == 1 else 's'}: nothing to rank")
    if seeds < FEWEST_SEEDS:
        return _unknown(names, draws, f"{seeds} seeds say too little about the variation between seeds for ranks")
    means = bootstrap_means(tasks, draws=draws, seed=seed)
    rng = np.random.default_rng([seed, 1])
    for name, composites in (selections or {}).items():
        means[:, names.index(name)] += _redrawn(np.asarray(composites, dtype=np.float64), draws, rng)
    return _summary(names, means, baseline)


def bootstrap_means(tasks: Sequence[np.ndarray], *, draws: int, seed: int) -> np.ndarray:
    """Means over tasks of resampled rows, shape (draws, rows), from one array a task of shape (seeds, items, rows)."""
    rng = np.random.default_rng(seed)
    seeds, rows = tasks[0].shape[0], tasks[0].shape[2]
    of_seeds = _weights(draws, seeds, seeds - 1, rng)
    means = np.zeros((draws, rows))
    for task in tasks:
        items = task.shape[1]
        flat = np.ascontiguousarray(task.transpose(1, 0, 2)).reshape(items, seeds * rows)
        block = max(1, BLOCK // max(items, seeds * rows))
        for start in range(0, draws, block):
            here = slice(start, min(start + block, draws))
            drawn = _weights(here.stop - start, items, items, rng) @ flat
            means[here] += np.einsum("ms,msr->mr", of_seeds[here], drawn.reshape(-1, seeds, rows))
    return means / len(tasks)


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


def _redrawn(composites: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """What other selection draws would have moved the row's mean by, shape (draws,); none where there is one."""
    selections = len(composites)
    if selections < 2:
        return np.zeros(draws)
    apart = composites.mean(axis=1) - composites.mean()
    return _weights(draws, selections, selections - 1, rng) @ apart


def _summary(names: tuple[str, ...], means: np.ndarray, baseline: str | None) -> RankTable:
    room = TIE * max(1.0, float(np.abs(means).max()))
    ranks = np.ones(means.shape, dtype=np.int32)
    for other in range(means.shape[1]):
        ranks += means[:, other, None] > means + room
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


def _unknown(names: tuple[str, ...], draws: int, note: str) -> RankTable:
    nothing = np.full(len(names), np.nan)
    return RankTable(names, nothing, nothing, nothing, nothing, nothing, nothing, draws, note)
