"""The views of the page, one file each: pure functions from a page to plain blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from leaderboard.page import Page
from leaderboard.views import (
    about,
    budget,
    compare,
    cost,
    ladder,
    metrics,
    overlap,
    queue,
    runs,
    standings,
    submit,
    tasks,
)
from suite.report.blocks import Block


class View(Protocol):
    """What a module of a view has."""

    NAME: str
    """Its value of `view` in an address."""
    TITLE: str
    """Its tab."""
    HOW_TO_READ: str
    """One sentence for a reader who knows nothing."""
    CONTROLS: tuple[str, ...]
    """The filter controls that matter in it, of `leaderboard.controls.NAMES`; a view with a function `filtered` has
    them only on pages of which that is true."""

    def blocks(self, page: Page) -> Iterator[Block]:
        """What it shows; pure."""


VIEWS: tuple[View, ...] = tuple(
    cast(View, module)
    for module in (standings, budget, cost, tasks, ladder, metrics, overlap, compare, runs, queue, submit, about)
)
"""In the order of the tabs; the first is the front page."""


def view_named(name: str) -> View:
    """The view of that name, the front page where there is none."""
    return next((view for view in VIEWS if name == view.NAME), VIEWS[0])


__all__ = ["VIEWS", "View", "view_named"]
