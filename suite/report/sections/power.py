"""Power: which differences the seeds and items that were run can find."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Board, Power, Table
from suite.aggregate.wording import table_title
from suite.report.blocks import Block, Column, Grid, Listing, Paragraph, Section, Value
from suite.report.material import Material
from suite.statistics.permutation import smallest_sign_flip_p
from suite.statistics.power import critical_spearman

TABLE = (
    Column("table"),
    Column("seeds", "d"),
    Column("detectable by one comparison (points)", ".1f", 100),
    Column("comparisons", "d"),
    Column("detectable as the first of them (points)", ".1f", 100),
    Column("seeds that find one point"),
)
ROWS = (
    Column("strategy", role="name"),
    Column("seeds", "d"),
    Column("difference (points)", "+.1f", 100),
    Column("standard error (points)", ".2f", 100),
    Column("degrees of freedom", ".1f"),
)


def power_section(material: Material) -> Section:
    """What can be detected, and what few seeds cannot show whatever they find."""
    return Section("power", "Power", tuple(power_blocks(material.board)))


def power_blocks(board: Board) -> Iterator[Block]:
    """What every table of a board can detect, how precise its rows are, and what few seeds cannot show."""
    tables = [(table, table_title(board, table)) for table in board.tables]
    known = [(table.power, title) for table, title in tables if table.power is not None]
    yield Paragraph(
        "A true difference to random of the detectable size is found by the two-sided t test at 0.05 four times in "
        "five, given the mean variance of the table's differences. Smaller ones mostly go unseen: a tie with random is "
        "no proof of equality."
    )
    if known:
        yield Grid("detectable", "What can be detected", TABLE, tuple(_power(power, title) for power, title in known))
    yield from (_rows(table, f"errors-{number}", title) for number, (table, title) in enumerate(tables))
    yield Listing(tuple(_exact_facts(len(board.registration.training_seeds))))


def _power(power: Power, title: str) -> tuple[Value, ...]:
    needed = "none on these items" if power.seeds_for_one_point is None else str(power.seeds_for_one_point)
    return title, power.seeds, power.detectable, power.comparisons, power.detectable_after_holm, needed


def _rows(table: Table, identifier: str, title: str) -> Grid:
    """How precise each row's own difference is."""
    rows = [(row, row.difference) for row in table.rows if row.difference is not None and not row.reference]
    return Grid(
        identifier,
        f"How precise each row is; {title}",
        ROWS,
        tuple((row.spec, apart.seeds, apart.mean, apart.standard_error, apart.df) for row, apart in rows),
        frozenset(place for place, (row, _) in enumerate(rows) if not row.complete),
    )


def _exact_facts(seeds: int) -> Iterator[str]:
    yield (
        f"With {seeds} registered training seeds a two-sided sign-flip test can reach no p below "
        f"{smallest_sign_flip_p(seeds):.4g}; 0.05 needs six seeds or more. That is why the board uses a t test that "
        "counts items, too."
    )
    yield (
        "A Spearman correlation over n points is significant at 0.05 only from "
        f"{', '.join(f'{critical_spearman(n):.3f} (n = {n})' for n in (6, 7, 8, 12, 30))} on."
    )
