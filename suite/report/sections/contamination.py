"""Contamination: which questions of a task the pool holds, and selections that take more than their share of them."""

from __future__ import annotations

from collections.abc import Iterator

from suite.report.blocks import P_VALUE, Block, Column, Grid, Listing, NotRun, Paragraph, Section
from suite.report.material import Material
from suite.studies.contamination import NAME, ContaminationOutcome

TASKS = (
    Column("task or set", role="name"),
    Column("kind"),
    Column("questions", ",d"),
    Column("long enough to check", ",d"),
    Column("overlapping", ",d"),
    Column("overlapping (%)", ".2f", 100, key="overlapping-share"),
    Column("whole question in the pool", ",d"),
    Column("samples of the pool", ",d"),
)
MARKS = (
    Column("selection", role="name"),
    Column("different samples", ",d"),
    Column("overlapping", ",d"),
    Column("expected by chance", ".1f"),
    Column("share (%)", ".2f", 100),
    Column("95 % low (%)", ".2f", 100),
    Column("95 % high (%)", ".2f", 100),
    Column("p (Holm)", P_VALUE),
    Column("marked"),
)


def contamination_section(material: Material) -> Section:
    """The kept outcome, or the command that makes it."""
    outcome, why = material.kept(NAME, ContaminationOutcome)
    if outcome is None:
        command = f"breadth contamination --track {material.asked}"
        return Section("contamination", "Contamination", (NotRun(why, command),))
    return Section("contamination", "Contamination", tuple(contamination_blocks(outcome)))


def contamination_blocks(outcome: ContaminationOutcome) -> Iterator[Block]:
    """How much of each task the pool holds, and the selections that take more than their share of it."""
    yield Paragraph(
        f"A question overlaps when it shares {outcome.run_words} consecutive words with a sample of the pool. "
        f"{outcome.overlapping_samples:,} of {outcome.pool_size:,} samples overlap something that was checked. A "
        "shared run need not give an answer away; a question that stands in the pool whole may."
    )
    yield Grid(
        "contamination-tasks",
        "Overlap of the pool with each task",
        TASKS,
        tuple(
            (row.name, row.kind, row.questions, row.checked, row.overlapping, row.share, row.whole, row.samples)
            for row in outcome.rows
        ),
    )
    if outcome.not_checked:
        yield Listing(tuple(f"Not checked: {one.name}, because {one.reason}." for one in outcome.not_checked))
    if outcome.selections:
        yield Grid(
            "contamination-selections",
            "Selections against a random draw of their size",
            MARKS,
            tuple(
                (
                    mark.name,
                    mark.different,
                    mark.overlapping,
                    mark.expected,
                    mark.share,
                    mark.low,
                    mark.high,
                    mark.p_holm,
                    mark.marked,
                )
                for mark in outcome.selections
            ),
        )
