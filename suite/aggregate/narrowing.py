"""A table narrowed to some of its tasks: scores, verdicts and ranks made anew from its moments alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from suite.aggregate.board import Row, Table
from suite.aggregate.judging import judged
from suite.aggregate.moments import TableMoments
from suite.aggregate.rows import RANDOM


def narrowed(table: Table, moments: TableMoments, tasks: Collection[str]) -> Table:
    """The table on the tasks named, as the score of results that have these tasks alone; no task stands for all.

    Scores, intervals, p values and verdicts are exactly that score's. Ranks come from the draws of the whole table,
    rounded: their intervals may lie a place beside. With all tasks that enter the score, all is as it was. Where none
    of those named enters it, nothing is ranked and `withheld` says so. Raises ValueError when the moments are those
    of another table. Deterministic.
    """
    kept = tuple(task for task in table.tasks if task.name in tasks) if tasks else table.tasks
    entering = [task.name for task in table.tasks if task.enters]
    if tuple(entering) != moments.tasks or (entering and {row.spec for row in table.rows} != set(moments.scores)):
        raise ValueError("the moments are those of another table")
    if not kept:
        return replace(table, notes=(*table.notes, f"none of these tasks is one of the table's: {', '.join(tasks)}"))
    names = {task.name for task in kept}
    # A table may be withheld for a task that does not enter its score.
    if names.issuperset(entering) and not table.withheld:
        return replace(table, tasks=kept, rows=tuple(_on(row, names) for row in table.rows))
    return judged(replace(table, tasks=kept, rows=tuple(_bare(row, names) for row in table.rows)), moments)


def unranked(table: Table, tasks: Collection[str], why: str) -> Table:
    """The table on the tasks named with their raw means alone, and why it has no more."""
    return replace(
        table,
        tasks=tuple(task for task in table.tasks if task.name in tasks),
        rows=tuple(_bare(row, tasks) for row in table.rows),
        separation=(),
        withheld=why,
        power=None,
        random_draws=(),
    )


def _on(row: Row, tasks: Collection[str]) -> Row:
    return replace(row, tasks=_means(row, tasks))


def _bare(row: Row, tasks: Collection[str]) -> Row:
    """What is known of a row before anything is scored."""
    return replace(
        row,
        score=None,
        difference=None,
        p_holm=None,
        verdict="baseline" if row.spec == RANDOM else "not judged",
        rank=None,
        tasks=_means(row, tasks),
        rank_low=None,
        rank_high=None,
        p_best=None,
        p_beats_random=None,
        p_sign_flip=None,
    )


def _means(row: Row, tasks: Collection[str]) -> dict[str, float]:
    return {name: mean for name, mean in row.tasks.items() if name in tasks}
