"""Cost against gain: what a selection takes, and what it brings."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.shown import linked, no_table, shown_table, to_comparison, told_hidden
from suite.aggregate import Table
from suite.figures.cost import HOW_TO_READ as READ_COST
from suite.report.blocks import Block, Column, Grid, Paragraph, Picture, Value
from suite.report.sections.cost import WHAT_COUNTS, cost_blocks

NAME, TITLE = "cost", "Cost"
HOW_TO_READ = READ_COST
CONTROLS = ("track", "budget", "base_model", "tasks", "level", "kind", "search", "variants")

WORK = (
    Column("strategy", role="name"),
    Column("training tokens (a cell)", ",.0f"),
    Column("evaluation tokens (a cell)", ",.0f"),
    Column("training (10^12 FLOPs a cell)", ",.3g", 1e-12),
    Column("cells", "d"),
    Column("machine"),
)


def blocks(page: Page) -> Iterator[Block]:
    """Figure and table of seconds, then the figures that no machine changes."""
    table = page.table
    if page.data is None or table is None:
        yield from no_table(page)
        return
    shown = shown_table(page, table)
    compared = to_comparison(page)
    drawn = False
    for block in cost_blocks(page.data.board, shown, 0):
        drawn = drawn or isinstance(block, Picture)
        yield linked(block, 0, compared) if isinstance(block, Grid) else block
    if not drawn:
        yield Paragraph(
            "No figure: fewer than two complete rows have both a cost and a difference to random here.", "note"
        )
    yield from told_hidden(page, table, shown)
    yield Paragraph(WHAT_COUNTS, "note")
    yield linked(_work(page, shown), 0, compared)


def _work(page: Page, table: Table) -> Grid:
    """Tokens and operations: the same on every machine, unlike seconds."""
    rows: list[tuple[Value, ...]] = []
    for row in table.rows:
        own = page.behind(row)
        median = (
            statistics.median(of)
            for of in (
                [line.trained_tokens for line in own] or [0],
                [line.evaluation_tokens for line in own] or [0],
                [line.training_flops for line in own] or [0],
            )
        )
        machines = list(dict.fromkeys(line.hardware for line in own))
        told = machines[0] if len(machines) == 1 else f"{len(machines)} machines" if machines else None
        rows.append((row.spec, *(median if own else (None, None, None)), len(own), told))
    muted = frozenset(place for place, row in enumerate(table.rows) if row.reference or not row.complete)
    return Grid("work", "Work, whatever the machine (medians over cells)", WORK, tuple(rows), muted)
