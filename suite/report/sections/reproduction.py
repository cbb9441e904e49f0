"""Reproduction: exact commands, versions, hashes, machine, and what to cite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from suite import __version__
from suite.report.blocks import Block, Column, Command, Grid, Listing, Paragraph, Section, Value
from suite.report.material import Material

if TYPE_CHECKING:
    from suite.aggregate import Board
    from suite.track import Track

FACTS = (Column("what"), Column("value"))
REFERENCES = (
    "Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.",
    "Satterthwaite (1946), An approximate distribution of estimates of variance components. Biometrics Bulletin 2.",
    "Searle, Casella and McCulloch (1992), Variance Components. Wiley.",
)


def reproduction_section(material: Material) -> Section:
    """Everything somebody needs to get the same numbers."""
    return Section("reproduction", "Reproduction", tuple(_blocks(material)))


def _blocks(material: Material) -> Iterator[Block]:
    yield Paragraph(
        "The same cells on the same kind of machine give the same selections and the same scores, byte for byte. "
        "Finished cells are not run again."
    )
    yield Command("\n".join(commands(material)))
    yield Grid("facts", "Versions, hashes and machine", FACTS, tuple(_facts(material)))
    yield Listing(tuple(citations(material.track, material.board)))


def commands(material: Material) -> list[str]:
    """The lines that make the results of this page and the page itself."""
    specs = sorted(
        {result.cell.spec for result in material.used if result.cell.strategy not in ("full", "untuned", "oracle")}
    )
    lines = [f"pip install breadth=={__version__}"]
    for budget in sorted({table.budget for table in material.board.tables}):
        chosen = [spec for spec in specs if any(r.cell.spec == spec and r.cell.budget == budget for r in material.used)]
        if chosen:
            lines.append(
                f"breadth run --track {material.asked} --budget {budget} --strategies {_quoted(';'.join(chosen))}"
            )
    return [*lines, f"breadth report --track {material.asked} -o report.html"]


def _quoted(text: str) -> str:
    """Text as one word for a shell: a name from a stranger must not become a command of the reader's."""
    import shlex

    return shlex.quote(text)


def _facts(material: Material) -> Iterator[tuple[Value, ...]]:
    track, used = material.track, material.used
    yield "Breadth", __version__
    yield "track identity (sha256)", track.identity
    for pool, count in material.counted("pool"):
        yield f"pool fingerprint ({count} results)", pool
    for table in material.board.tables:
        yield f"base weights of {table.base_model}, budget {table.budget:,} (sha256)", table.base_weights
    for hardware, count in material.counted("hardware"):
        yield f"machine ({count} results)", hardware
    for engine, count in material.counted("engine"):
        yield f"evaluation engine ({count} results)", engine
    if used:
        finished = sorted(result.cost.finished_at for result in used)
        yield "results finished", f"{finished[0]} to {finished[-1]}"
        seconds = sum(r.cost.training_seconds + r.cost.evaluation_seconds + r.cost.selection_seconds for r in used)
        yield "processor time of all cells", f"{seconds / 3600:.2f} hours, features aside"
    for name, versions in material.versions().items():
        yield name, ", ".join(versions)


def citations(track: Track | None, board: Board) -> Iterator[str]:
    """What to cite: the track, every strategy on its board, and the statistics."""
    if track is not None:
        yield f"Track: {track.citation.strip()} Licence: {track.licence}."
    there = dict.fromkeys(row.strategy for table in board.tables for row in table.rows)
    yield from (f"{name}: {board.papers[name]}." for name in there if name in board.papers)
    yield from REFERENCES
