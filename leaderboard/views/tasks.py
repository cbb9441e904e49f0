"""Task by task: where a strategy gains on random, which tasks enter the score, and what the pool holds of them."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.shown import drawn_table, kept_study, linked, no_table, shown_table, to_comparison, told_hidden
from suite.figures.tasks import HOW_TO_READ as READ_TASKS
from suite.report.blocks import Block, Grid, Heading, NotRun, Paragraph, Picture
from suite.report.sections.contamination import contamination_blocks
from suite.report.sections.tasks import task_blocks
from suite.studies.contamination import NAME as STUDY
from suite.studies.contamination import ContaminationOutcome

NAME, TITLE = "tasks", "Tasks"
HOW_TO_READ = READ_TASKS
CONTROLS = ("track", "budget", "base_model", "tasks", "level", "kind", "search", "variants")
KEPT = ("random",)


def blocks(page: Page) -> Iterator[Block]:
    """The heat map, the raw means, which tasks enter, and contamination."""
    table = page.table
    if page.data is None or table is None:
        yield from no_table(page)
        return
    yield from _entering(page)
    shown = shown_table(page, table, KEPT)
    drawn = [block for block in task_blocks(page.data.board, drawn_table(shown, KEPT), 0) if isinstance(block, Picture)]
    yield from drawn
    if not drawn:
        yield Paragraph("No figure: there is no complete row beside random to draw.", "note")
    yield from told_hidden(page, table, shown)
    grids = [block for block in task_blocks(page.data.board, shown, 0) if isinstance(block, Grid)]
    for grid in grids:
        yield linked(grid, 0, to_comparison(page)) if grid.identifier.startswith("task-means") else grid
    yield from _contamination(page)


def _entering(page: Page) -> Iterator[Block]:
    assert page.table is not None
    tasks = page.table.tasks
    entering = [task for task in tasks if task.enters]
    if page.table.withheld:
        yield Paragraph(f"Nothing is scored here: {page.table.withheld}.")
    else:
        yield Paragraph(
            f"{len(entering)} of {len(tasks)} tasks enter the score: those on which the fine-tune on the whole pool "
            "beats chance, or the untuned model, by three standard errors."
        )


def _contamination(page: Page) -> Iterator[Block]:
    """What the kept study found; a pool that holds a task's questions flatters whoever picks them."""
    yield Heading("Questions of these tasks that stand in the pool")
    outcome = kept_study(
        page, STUDY, ContaminationOutcome, "no check of this track's pool against its tasks has been run yet"
    )
    if isinstance(outcome, NotRun):
        yield outcome
        return
    marked = [mark.name for mark in outcome.selections if mark.marked]
    if marked:
        yield Paragraph(f"Marked, because they take more overlapping samples than chance gives: {', '.join(marked)}.")
    elif outcome.selections:
        yield Paragraph("No selection takes more overlapping samples than chance gives.")
    yield from contamination_blocks(outcome)
