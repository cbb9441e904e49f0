"""What stands where nothing can be shown, and which files of the store cannot."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from suite.report.blocks import Block, Column, Command, Grid, Paragraph

PASSED_OVER = (Column("file", role="name"), Column("why it is not shown"))


def nothing_yet(page: Page) -> Iterator[Block]:
    """A store without a single result that counts as one, and how results come to be."""
    yield Paragraph(f"{page.snapshot.url} holds no results that can be shown yet.", "lead")
    yield Paragraph("This makes some on any machine in about an hour; the page shows them as they finish.")
    store = page.snapshot.url_in_commands
    yield Command(f"breadth run --track microworld --store {store}")
    yield from passed_over(page)


def passed_over(page: Page) -> Iterator[Grid]:
    """Files of the store that cannot be shown, of this track and of none."""
    lines = dict(page.data.board.skipped) if page.data is not None else {}
    lines |= {problem.path: problem.reason for problem in page.snapshot.problems}
    if lines:
        title = f"Files that cannot be shown: {len(lines):,}"
        yield Grid("passed-over", title, PASSED_OVER, tuple(sorted(lines.items())))
