"""Two rows of a table against each other: their paired difference overall, on each task, and in each seed.

It is the difference that the score itself takes of a row and `random` (`suite.aggregate.normalise`), for any two rows:
the same normalisation, the same pairing item by item, the same crossed interval. Against `random` it is the board's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.aggregate.board import Registration, Table, TaskStanding
from suite.aggregate.certainty import SEEDS_FOR_SIGN_FLIPS
from suite.aggregate.normalise import composites, difference, normalised, paired
from suite.aggregate.rows import UNTUNED, Comparable, RowResults, select_registered, stands_at, tables_of
from suite.errors import StoreError
from suite.results import Result
from suite.statistics.intervals import Estimate, crossed_interval
from suite.statistics.permutation import sign_flip


@dataclass(frozen=True)
class TaskApart:
    """How far apart the rows are on one task, normalised; in each shared seed, in their order.

    `difference` is None, and `by_seed` empty, where the task cannot be normalised.
    """

    task: TaskStanding
    difference: Estimate | None
    by_seed: tuple[float, ...]


@dataclass(frozen=True)
class HeadToHead:
    """`first` less `second`, normalised, over the training seeds that both have.

    `overall` is None where no task enters the score or no seed is shared; then `by_seed` is empty. `p_sign_flip` is
    there from 10 seeds on. `members` are the results of either row that count.
    """

    first: str
    second: str
    seeds: tuple[int, ...]
    overall: Estimate | None
    by_seed: tuple[float, ...]
    p_sign_flip: float | None
    tasks: tuple[TaskApart, ...]
    members: tuple[tuple[Result, ...], tuple[Result, ...]]


def head_to_head(
    results: Iterable[Result], registration: Registration, table: Table, first: str, second: str
) -> HeadToHead:
    """The specs `first` and `second` of `table` against each other; deterministic, whatever the order of `results`.

    `results` hold at least the cells of both rows and of `untuned`. Raises StoreError when a row, or `untuned` where
    a likelihood task needs it, has no result among them.
    """
    here = (result for result in results if stands_at(table.budget, result.cell, reference=result.reference))
    ordered = sorted(here, key=lambda result: result.path)
    members = _members(ordered, registration, table)
    rows = _rows(members, registration, table.budget)
    untuned = rows.get(UNTUNED)
    lacking = [spec for spec in (first, second) if spec not in rows]
    if any(task.enters and task.unit == "bits-per-byte" for task in table.tasks) and untuned is None:
        lacking.append(UNTUNED)
    if lacking:
        raise StoreError(f"Of {' and '.join(lacking)} no result at budget {table.budget:,} could be read.")
    one, other = rows[first], rows[second]
    seeds = _shared_seeds(one, other)
    entering = [task for task in table.tasks if task.enters]
    overall: Estimate | None = None
    by_seed: tuple[float, ...] = ()
    if entering and seeds:
        of, to = (normalised(row, entering, untuned) for row in (one, other))
        overall, by_seed = difference(of, to), tuple(map(float, composites(of, to)))
    return HeadToHead(
        first=first,
        second=second,
        seeds=seeds,
        overall=overall,
        by_seed=by_seed,
        p_sign_flip=sign_flip(by_seed) if len(by_seed) >= SEEDS_FOR_SIGN_FLIPS else None,
        tasks=tuple(_on(task, one, other, untuned) for task in table.tasks),
        members=(_of(first, members), _of(second, members)),
    )


def _of(spec: str, members: Sequence[Result]) -> tuple[Result, ...]:
    return tuple(result for result in members if result.cell.spec == spec)


def _members(results: Sequence[Result], registration: Registration, table: Table) -> list[Result]:
    """The results that count in this table: of its pool, weights, items and engine."""
    groups, _ = select_registered(results, registration)
    wanted = {(task.name, task.kind, task.unit, task.chance, task.items) for task in table.tasks}

    def fits(group: Comparable) -> bool:
        there = {(name, kind, unit, chance, items) for name, kind, unit, chance, items, _ in group.tasks}
        facts = (group.pool, group.base_model, group.base_weights)
        same = facts == (table.pool, table.base_model, table.base_weights)
        return same and table.engine in ("", group.engine) and wanted <= there

    # Groups that differ in their items alone cannot be told apart by a table; the larger one stands first on a board.
    fitting = [members for group, members in groups.items() if fits(group)]
    return max(fitting, key=len, default=[])


def _rows(members: list[Result], registration: Registration, budget: int) -> dict[str, RowResults]:
    tables = tables_of(members, registration) if members else {}
    # Where all are rows that spend no budget, they make up a table of their own.
    found = tables.get(budget) or next(iter(tables.values()), [])
    return {row.spec: row for row in found}


def _shared_seeds(one: RowResults, other: RowResults) -> tuple[int, ...]:
    if one.untuned or other.untuned:
        return one.seeds if other.untuned else other.seeds
    return tuple(seed for seed in one.seeds if seed in other.seeds)


def _on(task: TaskStanding, one: RowResults, other: RowResults, untuned: RowResults | None) -> TaskApart:
    if task.unit != "accuracy" and (untuned is None or None in (task.untuned, task.full) or task.untuned == task.full):
        return TaskApart(task, None, ())
    pair = paired(*(normalised(row, [task], untuned) for row in (one, other)))
    if pair is None:
        return TaskApart(task, None, ())
    return TaskApart(task, crossed_interval(*pair), tuple(map(float, pair[0][0].mean(axis=1))))
