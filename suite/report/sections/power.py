"""Power: which differences the seeds and items that were run can find, row by row."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Table
from suite.commands.board_notes import table_title
from suite.report.blocks import Block, Column, Grid, Listing, Paragraph, Section
from suite.report.detectable import least_detectable
from suite.report.material import Material
from suite.statistics.permutation import smallest_sign_flip_p
from suite.statistics.power import critical_spearman

COLUMNS = (
    Column("strategy"),
    Column("seeds", "d"),
    Column("standard error (points)", ".2f", 100),
    Column("degrees of freedom", ".1f"),
    Column("least difference found at 80 % (points)", ".1f", 100),
    Column("difference found (points)", "+.1f", 100),
)


def power_section(material: Material) -> Section:
    """What can be detected, and what few seeds cannot show whatever they find."""
    blocks: list[Block] = [
        Paragraph(
            "A true difference of the size in the fifth column is found by the row's own two-sided t test at 0.05 four "
            "times in five, before Holm's correction, which makes it harder. Rows with noisier seeds need larger "
            "differences; a tie with random is no proof of equality."
        )
    ]
    for number, table in enumerate(material.board.tables):
        blocks += _table_blocks(material, table, number)
    blocks.append(Listing(tuple(_exact_facts(len(material.board.registration.training_seeds)))))
    return Section("power", "Power", tuple(blocks))


def _table_blocks(material: Material, table: Table, number: int) -> Iterator[Block]:
    rows = [row for row in table.rows if row.difference is not None and not row.reference]
    if not rows:
        return
    yield Grid(
        f"power-{number}",
        f"What can be detected; {table_title(material.board, table)}",
        COLUMNS,
        tuple(
            (
                row.spec,
                row.difference.seeds,
                row.difference.standard_error,
                row.difference.df,
                least_detectable(row.difference),
                row.difference.mean,
            )
            for row in rows
            if row.difference
        ),
        frozenset(place for place, row in enumerate(rows) if not row.complete),
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
