"""The front page: who wins, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from leaderboard.page import Page
from leaderboard.views.nothing import nothing_yet, passed_over
from suite.aggregate import Row, Table
from suite.aggregate.wording import board_notes, table_notes
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
    Links,
    Listing,
    Paragraph,
    Picture,
    Value,
)
from suite.report.sections.headline import headline, sentences
from suite.report.sections.ranking import VERDICTS
from suite.statistics.intervals import Estimate

NAME, TITLE = "leaderboard", "Leaderboard"
HOW_TO_READ = READ_FOREST
CONTROLS = ("track", "budget", "base_model", "tasks", "level", "kind", "search", "columns", "variants")

HIDDEN = (Column("strategy", role="name"), Column("why it is not listed"))


def blocks(page: Page) -> Iterator[Block]:
    """The sentence, the picture, the table in the same order, and all that is not in them."""
    table = page.table
    if page.data is None or table is None:
        yield from nothing_yet(page)
        return
    shown = replace(table, rows=page.shown)
    # The line must not break between a number and its interval.
    yield Paragraph(headline(page.data.name, table).replace(" ± ", "\u00a0±\u00a0"), "lead")
    if page.address.tasks:
        yield Paragraph(
            f"By {len(page.address.tasks)} of its tasks alone ({', '.join(page.address.tasks)}): scores, intervals, "
            "verdicts and ranks are computed again for these.",
            "note",
        )
    drawn = forest_figure(page.data.board, shown, compact=True)
    if drawn is not None:
        yield Picture("forest", drawn, "Difference to random", READ_FOREST)
    elif page.rows and not page.shown:
        yield Paragraph("The filters leave no row; all of them are listed below with the reason.", "note")
        yield Links((Link("Show every row", page.link(search="", levels=(), kinds=())),))
    else:
        yield Paragraph("No row here has a difference to random, so there is nothing to draw.", "note")
    yield ranked(page, table)
    yield from _beneath(page, table)


def choices(page: Page) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the column picker offers."""
    return {"columns": tuple((column.title, column.name) for column in COLUMNS if column.role != "name")}


def ranked(page: Page, table: Table) -> Grid:
    """Every column of the board, rows as the filters leave them."""
    rows = page.shown
    scale = Scale.of(rows, table.random_draws) if any(row.difference for row in rows) else Scale(-1, 1)
    columns = tuple(
        replace(column, span=(scale.low, scale.high)) if column.role == "bar" else column for column in COLUMNS
    )
    grid = Grid(
        "ranked",
        f"Ranking: {len(rows)} of {len(table.rows)} rows",
        columns,
        tuple(tuple(read(page, row) for _, read in CELLS) for row in rows),
        frozenset(place for place, row in enumerate(rows) if row.reference or not row.complete),
    )
    return grid.with_columns(page.address.columns)


def _rank_interval(page: Page, row: Row) -> Value:
    ends = rank_interval(row)
    return None if ends is None else str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _drawn(page: Page, row: Row) -> Value:
    apart = row.difference
    if apart is None:
        return None
    low, high = (apart.low, apart.high) if apart.known else (None, None)
    return Interval(apart.mean, low, high, _family(page, row), row.verdict in ("beats", "worse"))


def _family(page: Page, row: Row) -> str:
    return "baseline" if row.reference else row.level


def _half(estimate: Estimate | None) -> Value:
    return estimate.half_width if estimate is not None and estimate.known else None


def _selection(page: Page, row: Row) -> Value:
    """How the picks came about, as far as the records of a submission or of its results tell."""
    if row.selection:
        return row.selection
    if row.kind == "index-only":
        return "given"
    seeds = {line.selection_seed for line in page.behind(row) if line.selection is not None}
    # Deterministic strategies have selection seed 0 with every training seed.
    return None if not seeds else "deterministic" if seeds == {0} else "drawn"


def _finished(page: Page, row: Row) -> Value:
    return max((line.finished_at for line in page.behind(row)), default="")[:10] or None


CELLS: tuple[tuple[Column, Callable[[Page, Row], Value]], ...] = (
    (Column("rank", "d"), lambda page, row: row.rank),
    (Column("strategy", role="name"), lambda page, row: Link(row.spec, page.link(view="runs", search=row.spec))),
    (
        Column("difference to random (points)", "+.1f", 100, key="difference"),
        lambda page, row: row.difference.mean if row.difference else None,
    ),
    (Column("difference ± (points)", ".1f", 100, key="difference-half"), lambda page, row: _half(row.difference)),
    (Column("difference and 95 % interval", "+.1f", 100, role="bar", key="interval"), _drawn),
    (Column("verdict", role="verdict"), lambda page, row: VERDICTS[row.verdict] if row.complete else "incomplete"),
    (Column("p (Holm)", P_VALUE, key="p"), lambda page, row: row.p_holm),
    (Column("rank, 95 %", role="short", key="rank-interval"), _rank_interval),
    (Column("score (points)", ".1f", 100, key="score"), lambda page, row: row.score.mean if row.score else None),
    (Column("score ± (points)", ".1f", 100, key="score-half"), lambda page, row: _half(row.score)),
    (Column("seeds done", role="short", key="seeds"), lambda page, row: f"{row.cells_done} of {row.cells_registered}"),
    (Column("level", role="family"), _family),
    (Column("kind", role="short"), lambda page, row: "reference" if row.reference else row.kind),
    (Column("selection", role="short"), _selection),
    (Column("budget (samples)", ",d", key="budget"), lambda page, row: page.address.budget),
    (Column("selection cost (s)", ".1f", key="selection-cost"), lambda page, row: row.costs.selection_seconds),
    (Column("finished", role="short", key="date"), _finished),
)
"""The columns of the ranking, and how each reads a row."""
COLUMNS = tuple(column for column, _ in CELLS)


def _beneath(page: Page, table: Table) -> Iterator[Block]:
    """What a reader must know before believing it, and whatever is not in the table."""
    assert page.data is not None
    yield Listing(tuple(sentences(table)))
    board = page.data.board
    notes = [*table_notes(table), *board_notes(board)]
    yield Fold("Notes on this table", (Listing(tuple(notes)),))
    hidden = [(row.spec, why) for row in table.rows if (why := page.why_hidden(row))]
    if hidden:
        many = f"{len(hidden)} rows are" if len(hidden) > 1 else "One row is"
        yield Fold(f"{many} not listed", (Grid("hidden", "Rows that are not listed", HIDDEN, tuple(hidden)),))
    for listed in passed_over(page):
        many = f"{len(listed.rows):,} files of the store" if len(listed.rows) > 1 else "One file of the store"
        yield Fold(f"{many} cannot be shown", (listed,))
    counting = sum(line.counts for line in page.data.cells)
    aside = len(page.data.cells) - counting
    yield Links(
        (
            Link(
                f"The {counting:,} records behind it, {aside:,} that do not count", page.asked.changed(view="runs").href
            ),
        )
    )
