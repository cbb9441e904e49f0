"""Selections that other people published, trained and judged beside ours."""

from __future__ import annotations

from collections.abc import Iterator

from suite.aggregate import Table
from suite.aggregate.wording import table_title
from suite.pool.published import SETS
from suite.report.blocks import Block, Listing, NotRun, Paragraph, Section
from suite.report.material import Material
from suite.report.sections.ranking import ranked_grid

STRATEGY = "published"


def published_section(material: Material) -> Section:
    """Their rows with the best of ours, or why there are none."""
    return Section("published", "Published selections", tuple(_blocks(material)))


def _blocks(material: Material) -> Iterator[Block]:
    pool = material.track.pool.fingerprint
    fitting = [name for name, known in SETS.items() if known.pool == pool]
    tables = [table for table in material.board.tables if any(row.strategy == STRATEGY for row in table.rows)]
    if not tables:
        if not fitting:
            yield Paragraph(
                "Published selections that Breadth knows were kept from another pool than this track's, so there is "
                "nothing to compare here.",
                "note",
            )
            return
        specs = ";".join(f"{STRATEGY}:set={name}" for name in fitting)
        yield NotRun("", f'breadth run --track {material.asked} --strategies "{specs}"')
        return
    yield Paragraph(
        "Which rows of the pool others kept is known from their repositories. The budget is drawn at random from what "
        "they kept, one draw a training seed, so a row says what those samples are worth at this size, not what the "
        "method itself would pick. Models were trained and judged here like all others."
    )
    for number, table in enumerate(tables):
        yield ranked_grid(
            _beside_ours(table), f"published-{number}", f"Beside ours; {table_title(material.board, table)}"
        )
    there = {row.spec.partition("set=")[2].partition(",")[0] for table in tables for row in table.rows}
    absent = [f"{SETS[name].title} ({name}) has no row here." for name in fitting if name not in there]
    yield Listing(tuple([f"{name}: {known.title}." for name, known in SETS.items() if name in there] + absent))


def _beside_ours(table: Table) -> Table:
    """The published rows, random and the best of ours, in the table's order."""
    from dataclasses import replace

    ours = next((row for row in table.rows if row.rank is not None and row.strategy not in (STRATEGY, "random")), None)
    rows = tuple(row for row in table.rows if row.strategy in (STRATEGY, "random") or row is ours)
    return replace(table, rows=rows)
