"""What most views begin with: the table as the filters leave it, or one sentence that says why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from leaderboard.page import Page
from leaderboard.views.nothing import nothing_yet
from suite.aggregate import Table
from suite.aggregate.rows import RANDOM
from suite.report.blocks import Block, Grid, Link, NotRun, Paragraph, Value
from suite.studies.kept import KeptStudy

Kept = TypeVar("Kept", bound=KeptStudy)

MOST_DRAWN = 40
"""Rows up to which a figure with a line or a row each can be read; the table below it holds all."""


def no_table(page: Page) -> Iterator[Block]:
    """Why there is nothing to show, and the command that changes it."""
    if page.data is None:
        yield from nothing_yet(page)
    else:
        count = page.data.board.results
        why = f"of {count} results of track {page.data.name} none counts." if count else "there are no results yet."
        yield NotRun(why, f"breadth run --track {shlex.quote(page.data.name)}")


def kept_study(page: Page, name: str, kind: type[Kept], missing: str) -> Kept | NotRun:
    """The kept outcome of a study of the page's track, or why there is none and the command that makes it.

    `missing` says in words that there is none. The page has data.
    """
    assert page.data is not None
    outcome, why = page.data.kept(name, kind)
    if outcome is not None:
        return outcome
    return NotRun(why or f"{missing}.", f"breadth {name} --track {shlex.quote(page.data.name)}")


def shown_table(page: Page, table: Table, keep: Collection[str] = ()) -> Table:
    """The table with the rows that the filters leave, and those of `keep`, which a figure compares with."""
    return replace(table, rows=tuple(row for row in table.rows if row.spec in keep or not page.why_hidden(row)))


def drawn_table(table: Table, keep: Collection[str] = ()) -> Table:
    """The table with no more rows than a figure can show: the best ones, and those of `keep`."""
    if len(table.rows) <= MOST_DRAWN:
        return table
    kept = {row.spec for row in table.rows if row.spec in keep}
    best = [row.spec for row in table.rows if row.spec not in kept][: MOST_DRAWN - len(kept)]
    return replace(table, rows=tuple(row for row in table.rows if row.spec in kept or row.spec in best))


def told_hidden(page: Page, table: Table, shown: Table) -> Iterator[Block]:
    """How many rows the filters took away, and how many of the others a figure has no room for."""
    gone = len(table.rows) - len(shown.rows)
    told = []
    if gone:
        reasons = dict.fromkeys(why for row in table.rows if (why := page.why_hidden(row)))
        told.append(f"{gone} of {len(table.rows)} rows are not shown: {'; '.join(reasons)}.")
    if len(shown.rows) > MOST_DRAWN:
        told.append(f"Figures show the best {MOST_DRAWN} of {len(shown.rows)} rows; tables have all of them.")
    if told:
        yield Paragraph(" ".join(told), "note")


def linked(grid: Grid, column: int, href: Callable[[str], str]) -> Grid:
    """The grid with the texts of one column leading somewhere."""

    def led(row: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(
            Link(value, href(value)) if at == column and isinstance(value, str) else value
            for at, value in enumerate(row)
        )

    return replace(grid, rows=tuple(led(row) for row in grid.rows))


def to_comparison(page: Page) -> Callable[[str], str]:
    """Where a strategy's name leads: to its comparison with random."""

    def href(spec: str) -> str:
        return page.link(view="compare", first=spec, second=RANDOM if spec != RANDOM else "")

    return href
