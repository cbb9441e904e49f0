"""The ranking: forest plot, the table in the same order, rank intervals, and score against budget."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Board, Table
from suite.aggregate.wording import board_notes, table_notes, table_title
from suite.figures.budget import HOW_TO_READ as READ_BUDGET
from suite.figures.budget import budget_figure
from suite.figures.forest import HOW_TO_READ as READ_FOREST
from suite.figures.forest import forest_figure
from suite.figures.groups import rank_interval
from suite.figures.ranks import HOW_TO_READ as READ_RANKS
from suite.figures.ranks import ranks_figure
from suite.report.blocks import P_VALUE, Block, Column, Grid, Listing, Paragraph, Picture, Section, Value
from suite.report.material import Material

COLUMNS = (
    Column("rank", "d"),
    Column("strategy", role="name"),
    Column("family", role="short"),
    Column("kind"),
    Column("score (points)", ".1f", 100),
    Column("± (points)", ".1f", 100),
    Column("difference to random (points)", "+.1f", 100),
    Column("95 % low (points)", "+.1f", 100),
    Column("95 % high (points)", "+.1f", 100),
    Column("p (Holm)", P_VALUE),
    Column("verdict", role="short"),
    Column("cells done", "d"),
    Column("cells registered", "d"),
)
RANKS = (
    Column("rank low", "d"),
    Column("rank high", "d"),
    Column("comes first (%)", ".1f", 100),
    Column("beats random (% of draws)", ".1f", 100),
)
VERDICTS = {
    "beats": "beats random",
    "worse": "worse than random",
    "tied": "tied with random",
    "baseline": "baseline",
    "not judged": "not judged",
}


def ranking_section(material: Material) -> Section:
    """Every table of the board."""
    board = material.board
    blocks: list[Block] = []
    for number, table in enumerate(board.tables):
        blocks += _table_blocks(board, table, number)
    drawn = budget_figure(board)
    if drawn is not None:
        blocks.append(Picture("budget", drawn, "Score against budget", READ_BUDGET))
    blocks.append(Listing(tuple(board_notes(board))))
    return Section("ranking", "Ranking", tuple(blocks))


def _table_blocks(board: Board, table: Table, number: int) -> Iterator[Block]:
    title = table_title(board, table)
    drawn = forest_figure(board, table)
    if drawn is not None:
        yield Picture(f"forest-{number}", drawn, f"Difference to random; {title}", READ_FOREST)
    else:
        yield Paragraph(f"{title}: no row has a difference to random yet, so there is nothing to draw.", "note")
    yield ranked_grid(table, f"ranked-{number}", title)
    notes = table_notes(table)
    if notes:
        yield Listing(tuple(notes))
    ranks = ranks_figure(board, table)
    if ranks is not None:
        yield Picture(f"ranks-{number}", ranks, f"How sure the ranks are; {title}", READ_RANKS)


def ranked_grid(table: Table, identifier: str, title: str) -> Grid:
    """The rows of a table in its order; references and incomplete rows are muted."""
    with_ranks = any(rank_interval(row) for row in table.rows)
    rows: list[tuple[Value, ...]] = []
    for row in table.rows:
        score, apart = row.score, row.difference
        cells: tuple[Value, ...] = (
            row.rank,
            row.spec,
            row.level,
            "reference" if row.reference else row.kind,
            score.mean if score else None,
            score.half_width if score else None,
            apart.mean if apart else None,
            apart.low if apart else None,
            apart.high if apart else None,
            row.p_holm,
            VERDICTS[row.verdict] if row.complete else "incomplete",
            row.cells_done,
            row.cells_registered,
        )
        if with_ranks:
            low, high = rank_interval(row) or (None, None)
            cells += (low, high, row.p_best, row.p_beats_random)
        rows.append(cells)
    muted = frozenset(number for number, row in enumerate(table.rows) if row.reference or not row.complete)
    return Grid(identifier, title, COLUMNS + RANKS * with_ranks, tuple(rows), muted)
