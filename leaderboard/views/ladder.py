"""The ladder of diversity: how a score goes with a strategy's level."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.shown import kept_study, no_table
from suite.report.blocks import Block, NotRun, Paragraph
from suite.report.sections.ladder import HOW_TO_READ as READ_LADDER
from suite.report.sections.ladder import ladder_blocks
from suite.studies.ladder_table import LadderTable

NAME, TITLE = "ladder", "Ladder"
HOW_TO_READ = READ_LADDER
CONTROLS = ("track", "search")


def blocks(page: Page) -> Iterator[Block]:
    """The kept ladder, one panel a strategy; the search leaves some of them out."""
    if page.data is None:
        yield from no_table(page)
        return
    table = kept_study(page, "ladder", LadderTable, "no ladder of diversity has been run on this track yet")
    if isinstance(table, NotRun):
        yield table
        return
    wanted = page.address.search.casefold()
    chosen = tuple(strategy for strategy in table.strategies if wanted in strategy.spec.casefold())
    if not chosen:
        yield Paragraph(f"None of the {len(table.strategies)} strategies of the ladder is found by the search.", "note")
        return
    if len(chosen) < len(table.strategies):
        gone = len(table.strategies) - len(chosen)
        yield Paragraph(f"{gone} of {len(table.strategies)} strategies are not shown: not found by the search.", "note")
    yield from ladder_blocks(table.model_copy(update={"strategies": chosen}))
