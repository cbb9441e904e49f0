"""Cost against gain: what a selection takes and what it brings."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Board, Table
from suite.aggregate.wording import table_title
from suite.figures.cost import HOW_TO_READ, cost_figure
from suite.report.blocks import Block, Column, Grid, Paragraph, Picture, Section
from suite.report.material import Material

WHAT_COUNTS = (
    "Medians over a row's cells, on the machine that ran them. Features are computed once a pool and shared by "
    "strategies; a row's features count as if it were alone."
)
COLUMNS = (
    Column("strategy", role="name"),
    Column("rank", "d"),
    Column("difference to random (points)", "+.1f", 100),
    Column("± (points)", ".1f", 100, key="difference-half"),
    Column("features (s)", ".2f"),
    Column("selection (s)", ".2f"),
    Column("training (s a cell)", ".1f"),
    Column("evaluation (s a cell)", ".1f"),
    Column("peak memory (MiB)", ",.0f", 2**-20),
)
UTILISATION = Column("model FLOP utilisation (%)", ".1f", 100)
NO_UTILISATION = (
    "Model FLOP utilisation of training: not measured. It is told where the peak of the card is known; that of a "
    "processor, or of a card that is not listed, is not."
)


def cost_section(material: Material) -> Section:
    """Figure and table of every table of the board."""
    blocks: list[Block] = [Paragraph(f"{WHAT_COUNTS} For the machine see Reproduction.", "note")]
    for number, table in enumerate(material.board.tables):
        blocks += cost_blocks(material.board, table, number)
    return Section("cost", "Cost", tuple(blocks))


def cost_blocks(board: Board, table: Table, number: int) -> Iterator[Block]:
    """Cost against gain of one table, and what every row of it took."""
    title = table_title(board, table)
    drawn = cost_figure(board, table)
    if drawn is not None:
        yield Picture(f"cost-{number}", drawn, f"Cost against gain; {title}", HOW_TO_READ)
    measured = any(row.costs.model_flop_utilisation is not None for row in table.rows)
    rows = tuple(
        (
            row.spec,
            row.rank,
            row.difference.mean if row.difference else None,
            row.difference.half_width if row.difference and row.difference.known else None,
            row.costs.feature_seconds,
            row.costs.selection_seconds,
            row.costs.training_seconds,
            row.costs.evaluation_seconds,
            row.costs.peak_memory_bytes,
            *((row.costs.model_flop_utilisation,) if measured else ()),
        )
        for row in table.rows
    )
    muted = frozenset(place for place, row in enumerate(table.rows) if row.reference or not row.complete)
    columns = (*COLUMNS, UTILISATION) if measured else COLUMNS
    yield Grid(f"costs-{number}", f"Costs; {title}", columns, rows, muted)
    if not measured:
        yield Paragraph(NO_UTILISATION, "note")
