"""The front page: who wins, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaderboard.page import Page
from suite.aggregate import Row, Table
from suite.commands.board_notes import board_notes, table_notes
from suite.figures.forest import HOW_TO_READ as READ_FOREST
from suite.figures.forest import forest_figure
from suite.figures.groups import rank_interval
from suite.figures.scale import Scale
from suite.report.blocks import (
    P_VALUE,
    Block,
    Column,
    Fold,
    Grid,
    Interval,
    Link,
    Listing,
    Paragraph,
    Picture,
    Value,
)
from suite.report.sections.headline import headline, sentences
from suite.report.sections.ranking import VERDICTS

NAME, TITLE = "leaderboard", "Leaderboard"
HOW_TO_READ = READ_FOREST
CONTROLS = ("track", "budget", "base_model", "tasks", "level", "kind", "search", "columns", "variants")

HIDDEN = (Column("strategy", role="name"), Column("why it is not listed"))
SKIPPED = (Column("file", role="name"), Column("why it was passed over"))
MOST_SKIPPED = 20


def blocks(page: Page) -> Iterator[Block]:
    """The sentence, the picture, the table in the same order, and all that is not in them."""
    table = page.table
    if page.data is None or table is None:
        yield from _nothing(page)
        return
    shown = replace(table, rows=page.shown)
    yield Paragraph(headline(page.data.title, table), "lead")
    drawn = forest_figure(page.data.board, shown)
    if drawn is not None:
        yield Picture("forest", drawn, "Difference to random", READ_FOREST)
    else:
        yield Paragraph("No row here has a difference to random, so there is nothing to draw.", "note")
    yield ranked(page, table)
    yield from _beneath(page, table)


def ranked(page: Page, table: Table) -> Grid:
    """Every column of the board, rows as the filters leave them."""
    rows = page.shown
    grid = Grid(
        "ranked",
        f"{len(rows)} of {len(table.rows)} strategies",
        _columns(rows, table),
        tuple(_cells(page, row) for row in rows),
        frozenset(place for place, row in enumerate(rows) if row.reference or not row.complete),
    )
    return grid.with_columns(page.address.columns)


def _columns(rows: Sequence[Row], table: Table) -> tuple[Column, ...]:
    scale = Scale.of(rows, table.random_draws) if rows else Scale(-1, 1)
    return (
        Column("rank", "d"),
        Column("strategy", role="name"),
        Column("level", role="family"),
        Column("kind"),
        Column("selection"),
        Column("budget (samples)", ",d", key="budget"),
        Column("seeds done", "d"),
        Column("seeds registered", "d"),
        Column("score (points)", ".1f", 100, key="score"),
        Column("± (points)", ".1f", 100, key="score-half"),
        Column("difference to random (points)", "+.1f", 100, key="difference"),
        Column("95 % interval", "+.1f", 100, role="bar", key="interval", span=(scale.low, scale.high)),
        Column("low (points)", "+.1f", 100, key="low"),
        Column("high (points)", "+.1f", 100, key="high"),
        Column("p (Holm)", P_VALUE, key="p"),
        Column("verdict", role="verdict"),
        Column("rank from", "d", key="rank-low"),
        Column("rank to", "d", key="rank-high"),
        Column("comes first (%)", ".1f", 100, key="first"),
        Column("selection (s)", ".1f", key="selection-seconds"),
        Column("finished", key="date"),
    )


def _cells(page: Page, row: Row) -> tuple[Value, ...]:
    score, apart = row.score, row.difference
    low, high = rank_interval(row) or (None, None)
    family = "baseline" if row.reference else row.level
    return (
        row.rank,
        Link(row.spec, page.link(view="runs", search=row.spec)),
        family,
        "reference" if row.reference else row.kind,
        _selection(page, row),
        page.address.budget,
        row.cells_done,
        row.cells_registered,
        score.mean if score else None,
        score.half_width if score and score.known else None,
        apart.mean if apart else None,
        Interval(
            apart.mean,
            apart.low if apart.known else None,
            apart.high if apart.known else None,
            family,
            row.verdict in ("beats", "worse"),
        )
        if apart
        else None,
        apart.low if apart and apart.known else None,
        apart.high if apart and apart.known else None,
        row.p_holm,
        VERDICTS[row.verdict] if row.complete else "incomplete",
        low,
        high,
        row.p_best,
        row.costs.selection_seconds,
        _finished(page, row),
    )


def _selection(page: Page, row: Row) -> str | None:
    """How the picks came about, as far as the records tell."""
    if row.kind == "index-only":
        return "given"
    seeds = {line.selection_seed for line in page.behind(row) if line.selection is not None}
    # Deterministic strategies have selection seed 0 with every training seed.
    return None if not seeds else "deterministic" if seeds == {0} else "drawn"


def _finished(page: Page, row: Row) -> str | None:
    return max((line.finished_at for line in page.behind(row)), default="")[:10] or None


def _beneath(page: Page, table: Table) -> Iterator[Block]:
    """What a reader must know before believing it, and whatever is not in the table."""
    assert page.data is not None
    yield Listing(tuple(sentences(table)))
    yield Fold("Notes on this table", (Listing(tuple(table_notes(table))),))
    hidden = [(row.spec, why) for row in table.rows if (why := page.why_hidden(row))]
    if hidden:
        yield Fold(
            f"{len(hidden)} rows are not listed", (Grid("hidden", "Rows that are not listed", HIDDEN, tuple(hidden)),)
        )
    board = page.data.board
    yield Listing(tuple(note for note in board_notes(board) if not note.startswith(("How to read", "# is the rank"))))


def _nothing(page: Page) -> Iterator[Block]:
    yield Paragraph("There are no results here yet.", "lead")
