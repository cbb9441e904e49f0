"""Every record of a track, whether it counts, and if not, why; with a record in the address, all about that one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.nothing import nothing_yet, passed_over
from leaderboard.views.one_run import one_run
from suite.aggregate.cells import CellLine
from suite.report.blocks import Block, Column, Fold, Grid, Link, Listing, Paragraph, Value

NAME, TITLE = "runs", "Runs"
HOW_TO_READ = (
    "One line a fine-tuned and evaluated model, the newest first. A record that does not count stands here with the "
    "reason; a file that is no record is listed beneath."
)
CONTROLS = ("track", "budget", "base_model", "search", "run", "page")
ALL = ("all", "")

COLUMNS = (
    Column("strategy", role="name"),
    Column("budget (samples)", ",d", key="budget"),
    Column("base model", role="short", key="base-model"),
    Column("training seed", "d"),
    Column("selection seed", "d"),
    Column("counts", role="short"),
    Column("why not"),
    Column("selection (s)", ".1f"),
    Column("training (s)", ".1f"),
    Column("evaluation (s)", ".1f"),
    Column("peak memory (MiB)", ",.0f", 2**-20, key="memory"),
    Column("finished", role="short"),
    Column("machine", role="short"),
    Column("record", role="short"),
)


def choices(page: Page) -> dict[str, tuple[tuple[str, str], ...]]:
    """Budgets and models of all records, which are more than those that stand in tables."""
    lines = page.data.cells if page.data is not None else ()
    return {
        "budget": (ALL, *((f"{budget:,}", str(budget)) for budget in sorted({line.budget for line in lines}))),
        "base_model": (ALL, *((name, name) for name in sorted({line.base_model for line in lines}))),
    }


def blocks(page: Page) -> Iterator[Block]:
    """The list, or the record that the address names."""
    if page.data is None:
        yield from nothing_yet(page)
        return
    if page.asked.run:
        line = page.data.cells.find(page.asked.run)
        if line is not None:
            yield from one_run(page, line)
            return
        yield Paragraph(f"No record of track {page.data.name} is called `{page.asked.run}`; these are all.", "note")
    lines = sorted(_found(page), key=lambda line: (line.finished_at, line.path), reverse=True)
    total = len(page.data.cells)
    counting = sum(line.counts for line in page.data.cells)
    yield Paragraph(_sentence(page.data.name, total, counting), "lead")
    yield Paragraph(HOW_TO_READ, "note")
    yield Grid(
        "records",
        f"Records: {len(lines):,} of {total:,}",
        COLUMNS,
        tuple(_cells(page, line) for line in lines),
        frozenset(place for place, line in enumerate(lines) if not line.counts),
    )
    yield from _reasons(page)
    yield from passed_over(page)


def _sentence(track: str, total: int, counting: int) -> str:
    if total == counting:
        return f"All {total:,} records of {track} count."
    return f"{counting:,} of {total:,} records of {track} count; {total - counting:,} do not, each for a stated reason."


def _found(page: Page) -> Iterator[CellLine]:
    """The records that the filters leave: those that the reader set, not the page's own choice of a table.

    The search finds strategies, paths of records, and the reasons why records do not count.
    """
    assert page.data is not None
    asked = page.asked
    search = asked.search.casefold()
    for line in page.data.cells:
        if asked.budget is not None and line.budget != asked.budget:
            continue
        if asked.base_model and line.base_model != asked.base_model:
            continue
        if any(search in text.casefold() for text in (line.spec, line.path, line.why_not)):
            yield line


def _cells(page: Page, line: CellLine) -> tuple[Value, ...]:
    return (
        Link(line.spec, page.link(run=line.path, sort="")),
        line.budget,
        line.base_model,
        line.training_seed,
        line.selection_seed,
        "yes" if line.counts else "no",
        line.why_not,
        line.selection_seconds,
        line.training_seconds,
        line.evaluation_seconds,
        line.peak_memory_bytes,
        line.finished_at[:16].replace("T", " "),
        line.hardware,
        line.record_id,
    )


def _reasons(page: Page) -> Iterator[Block]:
    assert page.data is not None
    board = page.data.board
    reasons = Counter(line.why_not for line in page.data.cells if not line.counts)
    notes = [f"{count:,} {'record' if count == 1 else 'records'}: {why}." for why, count in reasons.most_common()]
    if board.superseded:
        notes.append(f"{board.superseded:,} corrected by a later record, hence not listed.")
    if notes:
        yield Fold("Why records do not count", (Listing(tuple(notes)),))
