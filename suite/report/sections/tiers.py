"""Tiers: whether a cheap track puts strategies in the order that another one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from suite.report.blocks import Block, Column, Grid, Paragraph, Section, Value
from suite.report.material import Material, main_table
from suite.statistics.agreement import Share, pairwise_accuracy

if TYPE_CHECKING:
    from suite.aggregate import Table

COLUMNS = (
    Column("track", role="name"),
    Column("budget", ",d"),
    Column("strategies of both", "d"),
    Column("pairs", "d"),
    Column("ordered alike", ".2f"),
    Column("95 %"),
    Column("Kendall's tau-b", "+.2f"),
    Column("95 % of tau-b"),
    Column("note"),
)


def tiers_section(material: Material) -> Section:
    """How alike this track and every other with results order the strategies they share."""
    return Section("tiers", "Agreement with other tracks", tuple(_blocks(material)))


def _blocks(material: Material) -> Iterator[Block]:
    own = material.main_table
    others = [(name, main_table(track, board)) for name, (track, board) in sorted(material.elsewhere.items())]
    rows = [_row(name, own, other) for name, other in others if own is not None and other is not None]
    if not rows:
        yield Paragraph("This store holds no results of another track to compare with.")
        return
    yield Paragraph(
        "A cheap track earns its keep where it puts two strategies in the order that a dear one does. `ordered alike` "
        "is the share of pairs of which that is true (pairwise decision accuracy; a pair that one track leaves tied "
        "counts half, 0.5 is chance), over the complete rows that both tracks have at their default budgets, by their "
        "mean difference to random. Intervals resample strategies: they speak of strategies like these."
    )
    yield Grid("agreement", "Pairs of strategies that two tracks order alike", COLUMNS, tuple(rows))


def _row(name: str, own: Table, other: Table) -> tuple[Value, ...]:
    found = pairwise_accuracy(_differences(own), _differences(other))
    return (
        name,
        other.budget,
        found.strategies,
        found.pairs,
        _known(found.accuracy.value),
        _interval(found.accuracy),
        _known(found.tau.value),
        _interval(found.tau),
        found.note,
    )


def _differences(table: Table) -> dict[str, float]:
    rows = (row for row in table.rows if row.complete and not row.reference and row.difference is not None)
    return {row.spec: row.difference.mean for row in rows if row.difference is not None and row.difference.known}


def _known(number: float) -> float | None:
    return number if number == number else None


def _interval(share: Share) -> str:
    return "" if share.low != share.low else f"{share.low:.2f} to {share.high:.2f}"
