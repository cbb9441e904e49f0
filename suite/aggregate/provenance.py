"""What a row's results tell of how they came about: what the strategy said of its selections, and what trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from suite.aggregate.board import Table
from suite.results import Result

MOST_SAID = 3
MOST_NAMED = 5


def remarks_of(results: Iterable[Result]) -> str:
    """Each remark of the results once, in their order, joined by semicolons; after three, how many more there are."""
    said = list(dict.fromkeys(remark.rstrip(".") for result in results for remark in result.remarks))
    more = len(said) - MOST_SAID
    return "; ".join([*said[:MOST_SAID], *([f"{more} more remarks" if more > 1 else "1 more remark"] * (more > 0))])


def trainers_of(results: Iterable[Result]) -> str:
    """The libraries that trained them, as in `torch 2.13.0, trl 1.16.0`; joined by semicolons where results differ.

    Empty where no result says.
    """
    known = {tuple(sorted(result.training.versions.items())) for result in results if result.training}
    return "; ".join(", ".join(f"{name} {version}" for name, version in versions) for versions in sorted(known - {()}))


def provenance_notes(table: Table) -> list[str]:
    """Remarks on a table: what strategies say of their selections, and which rows other libraries trained."""
    notes = [f"{row.spec} says of its selection: {row.remarks}." for row in table.rows if row.remarks]
    trained: dict[str, list[str]] = {}
    for row in table.rows:
        for libraries in filter(None, row.trained_by.split("; ")):
            trained.setdefault(libraries, []).append(row.spec)
    if len(trained) > 1:
        shared = set.intersection(*(set(libraries.split(", ")) for libraries in trained))
        apart = [f"{_without(libraries, shared)} ({_few(specs)})" for libraries, specs in sorted(trained.items())]
        notes.append(f"Rows were trained by different libraries, which can move scores: {'; '.join(apart)}.")
    return notes


def _without(libraries: str, shared: set[str]) -> str:
    return ", ".join(library for library in libraries.split(", ") if library not in shared) or "no others recorded"


def _few(specs: Sequence[str]) -> str:
    more = len(specs) - MOST_NAMED
    return ", ".join(specs[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
