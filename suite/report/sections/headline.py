"""The headline: who beats random, by how much, how sure; written by rule from the board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from suite.aggregate import Row, Table
from suite.report.blocks import Block, Listing, Paragraph, Section, listed
from suite.report.material import Material

MOST_NAMED = 5


def headline_section(material: Material) -> Section:
    """The findings of the main table in a few sentences."""
    table = material.main_table
    if table is None:
        sentence = f"No table: of {len(material.results)} results of track {material.track.name} none counts."
        reasons = [f"{count} {why}" for why, count in material.board.set_aside.items()]
        return Section("findings", "Findings", (Paragraph(sentence, "lead"), Listing(tuple(reasons))))
    return Section("findings", "Findings", tuple(_blocks(material, table)))


def _blocks(material: Material, table: Table) -> Iterator[Block]:
    yield Paragraph(headline(material.track.name, table), "lead")
    further = list(sentences(table))
    if further:
        yield Listing(tuple(further))


def headline(track: str, table: Table) -> str:
    """One sentence: how many strategies beat random, and which."""
    where = f"On {track}, with {table.budget:,} samples on {table.base_model}"
    if table.withheld:
        return f"{where}, nothing is ranked yet: {table.withheld}."
    judged = [row for row in table.rows if row.verdict in ("beats", "worse", "tied")]
    if not judged:
        return f"{where}, no strategy has been judged against random yet."
    beating = [row for row in judged if row.verdict == "beats"]
    if not beating:
        return f"{where}, none of {_counted(len(judged), 'strategy', 'strategies')} beats random selection."
    many = len(beating) > MOST_NAMED
    named = [_named(row) for row in beating[:MOST_NAMED]]
    verb = "beats" if len(beating) == 1 else "beat"
    return (
        f"{where}, {len(beating)} of {_counted(len(judged), 'strategy', 'strategies')} {verb} random selection: "
        f"{listed(named)}{f' and {len(beating) - MOST_NAMED} more' if many else ''}."
    )


def sentences(table: Table) -> Iterator[str]:
    """What else a reader must know before believing the headline."""
    best = next((row for row in table.rows if row.verdict == "beats"), None)
    if best is not None and best.difference is not None:
        yield (
            f"How sure: {best.spec} is {_points(best.difference.mean)} points above random, 95 % interval "
            f"{_points(best.difference.low)} to {_points(best.difference.high)} points, {_p(best)} after Holm's "
            "correction."
        )
    yield from _groups(table)
    untold = [row for row in table.rows if row.rank is not None and row.difference and not row.difference.known]
    if untold:
        yield f"Without an interval, hence without a verdict: {_short([row.spec for row in untold])}."
    if table.power is not None:
        yield (
            f"What {_counted(table.power.seeds, 'seed', 'seeds')} can detect: a true difference of "
            f"{_points(table.power.detectable)} points is found four times in five by one comparison, "
            f"{_points(table.power.detectable_after_holm)} points as the first of {table.power.comparisons} under "
            "Holm's correction. Smaller ones mostly go unseen, so a tie is no proof of equality."
        )
    incomplete = [f"{row.spec} ({row.cells_done} of {row.cells_registered})" for row in table.rows if not row.complete]
    if incomplete:
        yield f"Incomplete, hence unranked: {_short(incomplete)}."
    left_out = [task.name for task in table.tasks if not task.enters]
    if left_out and not table.withheld:
        yield f"Tasks that do not enter the score: {listed(left_out)}."


def _groups(table: Table) -> Iterator[str]:
    for verdict, words in (("tied", "Not told apart from random"), ("worse", "Worse than random")):
        rows = [row for row in table.rows if row.verdict == verdict]
        if rows:
            yield f"{words}: {_short([row.spec for row in rows])}."


def _named(row: Row) -> str:
    assert row.difference is not None
    return f"{row.spec} by {100 * row.difference.mean:.1f} ± {100 * row.difference.half_width:.1f} points"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _p(row: Row) -> str:
    p = row.p_holm
    return "p unknown" if p is None else "p below 0.001" if p < 0.001 else f"p {p:.3f}"


def _short(names: Sequence[str], most: int = 12) -> str:
    return listed(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
