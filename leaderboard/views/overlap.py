"""What strategies pick alike: the matrix of all pairs, and maps of the pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from leaderboard.page import Page
from leaderboard.views.shown import kept_study, no_table
from suite.report.blocks import Block, Grid, Link, NotRun, Paragraph
from suite.report.sections.overlap import READ_MATRIX, overlap_blocks
from suite.studies.overlap import NAME as STUDY
from suite.studies.overlap import OverlapOutcome

NAME, TITLE = "overlap", "Overlap"
HOW_TO_READ = READ_MATRIX
CONTROLS = ("track", "budget")


def blocks(page: Page) -> Iterator[Block]:
    """The kept study at the chosen budget, at all its budgets where that one is not in it."""
    if page.data is None:
        yield from no_table(page)
        return
    outcome = kept_study(
        page, STUDY, OverlapOutcome, "no study of what strategies pick alike has been run on this track yet"
    )
    if isinstance(outcome, NotRun):
        yield outcome
        return
    here = tuple(table for table in outcome.tables if table.budget == page.address.budget)
    if not here and page.address.budget is not None:
        studied = ", ".join(f"{table.budget:,}" for table in outcome.tables) or "none"
        yield Paragraph(f"Not studied at a budget of {page.address.budget:,}; studied: {studied}.", "note")
    for block in overlap_blocks(outcome.model_copy(update={"tables": here or outcome.tables})):
        yield _compared(page, block) if isinstance(block, Grid) else block


def _compared(page: Page, grid: Grid) -> Grid:
    """The pairs, each leading to its comparison."""
    rows = tuple(
        (Link(str(first), page.link(view="compare", first=first, second=second)), second, *rest)
        for first, second, *rest in grid.rows
    )
    return replace(grid, rows=rows)
