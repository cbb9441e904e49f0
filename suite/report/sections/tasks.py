"""Task by task: where a strategy gains on random, the raw means, and which tasks enter the score."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Board, Table, TaskStanding
from suite.aggregate.wording import table_title
from suite.figures.tasks import HOW_TO_READ, tasks_figure
from suite.report.blocks import Block, Column, Grid, Paragraph, Picture, Section
from suite.report.material import Material

STANDING = (
    Column("task", role="name"),
    Column("kind"),
    Column("unit"),
    Column("items", "d"),
    Column("chance", ".3f"),
    Column("untuned", ".3f"),
    Column("full", ".3f"),
    Column("margin of full", ".3f"),
    Column("standard error", ".3f"),
    Column("enters the score"),
    Column("reason"),
)


def tasks_section(material: Material) -> Section:
    """The heat map and tables of every table of the board."""
    blocks: list[Block] = []
    for number, table in enumerate(material.board.tables):
        blocks += task_blocks(material.board, table, number)
    if not blocks:
        blocks.append(Paragraph("No table, so no tasks to show.", "note"))
    return Section("tasks", "Tasks", tuple(blocks))


def task_blocks(board: Board, table: Table, number: int) -> Iterator[Block]:
    """The heat map of one table, its raw means, and which tasks enter its score."""
    title = table_title(board, table)
    drawn = tasks_figure(board, table)
    if drawn is not None:
        yield Picture(f"tasks-{number}", drawn, f"Task by task; {title}", HOW_TO_READ)
    yield Grid(
        f"task-means-{number}",
        f"Raw task means; {title}",
        (Column("strategy", role="name"), *(_column(task) for task in table.tasks)),
        tuple((row.spec, *(row.tasks.get(task.name) for task in table.tasks)) for row in table.rows),
        frozenset(place for place, row in enumerate(table.rows) if row.reference or not row.complete),
    )
    yield Grid(
        f"task-standing-{number}",
        f"Which tasks enter the score; {title}",
        STANDING,
        tuple(
            (
                task.name,
                task.kind,
                task.unit,
                task.items,
                task.chance,
                task.untuned,
                task.full,
                task.margin.mean if task.margin else None,
                task.margin.standard_error if task.margin else None,
                task.enters,
                task.reason,
            )
            for task in table.tasks
        ),
    )


def _column(task: TaskStanding) -> Column:
    if task.unit == "accuracy":
        return Column(f"{task.name} (%)", ".1f", 100)
    return Column(f"{task.name} (bits/byte)", ".3f")
