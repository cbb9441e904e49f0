"""Every record of a track, whether it counts, and if not, why; and one record in full."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from suite.report.blocks import Block, Paragraph

NAME, TITLE = "runs", "Runs"
HOW_TO_READ = "Every record of the track, newest first; a record that does not count says why."
CONTROLS = ("track", "budget", "base_model", "search")


def blocks(page: Page) -> Iterator[Block]:
    """The list, or the record that the address names."""
    yield Paragraph("The list of records.", "note")
