"""Normalised scores: which tasks enter, what a row scores on each item, and the paired difference of two rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from suite.aggregate.board import Registration, TaskStanding
from suite.aggregate.rows import RowResults
from suite.results import TaskScore
from suite.statistics.intervals import Estimate, crossed_interval

MARGIN_IN_STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Scores:
    """A row's normalised values on the tasks of the score: per task (seeds, items), and the means of its draws.

    `seeds` is None for the untuned base, which is the same under every seed. `task_draws` has shape (tasks, draws,
    seeds), without any draw where they are not crossed with the seeds. `items` names the items of each task.
    """

    seeds: tuple[int, ...] | None
    values: tuple[np.ndarray, ...]
    task_draws: np.ndarray
    items: tuple[Hashable, ...]

    @property
    def draws(self) -> np.ndarray:
        """The mean over tasks of each draw in each seed, shape (draws, seeds)."""
        return self.task_draws.mean(axis=0)


def standing(
    task: TaskScore, full: RowResults | None, untuned: RowResults | None, registration: Registration
) -> TaskStanding:
    """Whether a task enters the score: `full` must beat chance (or untuned) by three standard errors."""
    of_full = full.values(task.name) if full else None
    of_untuned = untuned.values(task.name) if untuned else None
    margin: Estimate | None = None
    if of_full is None:
        enters, reason = False, "no `full` row"
    elif task.unit == "bits-per-byte" and of_untuned is None:
        enters, reason = False, "no `untuned` row to normalise by"
    else:
        gain = of_full - task.chance if task.unit == "accuracy" else of_untuned - of_full
        margin = _margin(gain)
        enters = margin.mean > 0 and margin.mean >= MARGIN_IN_STANDARD_ERRORS * margin.standard_error
        against = "chance" if task.unit == "accuracy" else "untuned"
        reason = "" if enters else f"`full` does not beat {against} by {MARGIN_IN_STANDARD_ERRORS:g} standard errors"
    return TaskStanding(
        name=task.name,
        kind=task.kind,
        unit=task.unit,
        chance=task.chance,
        items=task.items,
        full=None if of_full is None else float(of_full.mean()),
        untuned=None if of_untuned is None else float(of_untuned.mean()),
        margin=margin,
        enters=enters,
        reason=reason,
        items_of=registration.items_of(task.name),
    )


def _margin(gain: np.ndarray) -> Estimate:
    """The crossed estimate of a gain of shape (seeds, items); over items alone while there is one seed."""
    estimate = crossed_interval([gain])
    if estimate.known:
        return estimate
    items = gain.mean(axis=0)
    error = float(items.std(ddof=1) / np.sqrt(len(items))) if len(items) > 1 else float("inf")
    return replace(estimate, standard_error=error, note=f"over items alone: {estimate.note}")


def normalised(row: RowResults, tasks: Sequence[TaskStanding], untuned: RowResults | None) -> Scores:
    """A row's normalised values on the tasks that enter the score."""
    values, draws = [], []
    for task in tasks:
        raw, raw_draws = row.values(task.name), row.draw_means(task.name)
        if task.unit == "accuracy":
            zero, one = np.float64(task.chance), 1.0
            scale = one - task.chance
            values.append((raw - zero) / scale)
            draws.append((raw_draws - zero) / scale)
        else:
            assert untuned is not None
            assert task.untuned is not None
            assert task.full is not None
            # The scale is a constant: an error in it moves every row alike and changes no order.
            scale = task.untuned - task.full
            # Paired with untuned item by item, because long and short responses differ in bits per byte.
            values.append((untuned.values(task.name).mean(axis=0) - raw) / scale)
            draws.append((task.untuned - raw_draws) / scale)
    # Tasks whose numbers of items differ have other items, whatever the track says.
    items = tuple((task.items_of, task.items) for task in tasks)
    return Scores(None if row.untuned else row.seeds, tuple(values), np.stack(draws), items)


def difference(of: Scores, to: Scores) -> Estimate | None:
    """The item-paired difference of two rows over the seeds they share; None where they share none."""
    pair = paired(of, to)
    return None if pair is None else crossed_interval(*pair)


def composites(of: Scores, to: Scores) -> np.ndarray:
    """The difference of two rows in each seed they share, shape (seeds,): the mean over tasks of that over items."""
    pair = paired(of, to)
    return np.empty(0) if pair is None else np.mean([task.mean(axis=1) for task in pair[0]], axis=0)


def paired(of: Scores, to: Scores) -> tuple[list[np.ndarray], list[np.ndarray], tuple[Hashable, ...]] | None:
    """What `crossed_interval` reads of two rows' difference: values per task, (seeds, items), selection draws, items.

    Draws of a row have shape (tasks, draws, seeds).
    """
    seeds = to.seeds if of.seeds is None else of.seeds if to.seeds is None else _shared(of.seeds, to.seeds)
    if not seeds:
        return None
    values = [
        one[_positions(of, seeds)] - other[_positions(to, seeds)]
        for one, other in zip(of.values, to.values, strict=True)
    ]
    drawn = [scores.task_draws[:, :, _positions(scores, seeds)] for scores in (of, to) if scores.task_draws.shape[1]]
    return values, drawn, of.items


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(seed for seed in one if seed in other)


def _positions(scores: Scores, seeds: tuple[int, ...]) -> list[int]:
    """Where the seeds stand in a row's arrays; the untuned base is the same under each."""
    return [0] * len(seeds) if scores.seeds is None else [scores.seeds.index(seed) for seed in seeds]
