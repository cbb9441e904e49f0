"""What strategies pick alike: the matrix of all pairs, and maps of the pool."""

from __future__ import annotations

from collections.abc import Iterator

from suite.figures.overlap import overlap_figure
from suite.figures.pool_map import map_figure
from suite.report.blocks import P_VALUE, Block, Column, Grid, Listing, NotRun, Picture, Section
from suite.report.material import Material
from suite.studies.overlap import NAME, OverlapOutcome

READ_MATRIX = (
    "Each cell is the Jaccard index of two strategies' selections in per cent, mean over draws; the colour says how "
    "many times as many samples they share as unrelated draws would, and bold cells are told apart from chance."
)
READ_MAP = (
    "Grey is the pool, darker where there are more samples; each point is a picked sample. Points that spread over all "
    "of the grey cover the pool, points that cluster do not."
)
PAIRS = (
    Column("first", role="name"),
    Column("second"),
    Column("samples in common", ".1f", key="shared"),
    Column("by chance", ".1f", key="expected"),
    Column("Jaccard (%)", ".2f", 100, key="jaccard"),
    Column("by chance (%)", ".2f", 100, key="chance-jaccard"),
    Column("p (Holm)", P_VALUE),
)


def overlap_section(material: Material) -> Section:
    """The kept outcome, or the command that makes it."""
    outcome, why = material.kept(NAME, OverlapOutcome)
    if outcome is None:
        return Section("overlap", "What they pick alike", (NotRun(why, f"breadth overlap --track {material.asked}"),))
    return Section("overlap", "What they pick alike", tuple(overlap_blocks(outcome)))


def overlap_blocks(outcome: OverlapOutcome) -> Iterator[Block]:
    """The matrix, maps and pairs of every budget."""
    for number, table in enumerate(outcome.tables):
        title = f"budget {table.budget:,}"
        yield Picture(f"overlap-{number}", overlap_figure(outcome, table), f"Overlap, {title}", READ_MATRIX)
        for place, picks in enumerate(table.maps if outcome.pool_map else ()):
            heading = f"Where {picks.first} and {picks.second} pick, {title}"
            yield Picture(f"map-{number}-{place}", map_figure(outcome, table, picks), heading, READ_MAP)
        yield Grid(
            f"overlap-pairs-{number}",
            f"Every pair, {title}",
            PAIRS,
            tuple(
                (
                    pair.first,
                    pair.second,
                    pair.shared,
                    pair.expected,
                    pair.jaccard,
                    pair.chance_jaccard,
                    pair.p_holm,
                )
                for pair in sorted(table.pairs, key=lambda pair: -pair.times_chance)
            ),
        )
        if table.left_out:
            yield Listing(tuple(f"Left out: {one.spec}, because {one.reason}." for one in table.left_out))
