"""Opening pages in a real browser and watching what they ask for and say; shared by the tests of report and page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE = 240_000
"""Milliseconds: a busy machine of two cores takes its time over five megabytes of script."""


class Watched:
    """Pages of a browser, each in a context of its own; notes every request, refusal and word of the console."""

    def __init__(self, browser: Browser):
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.said: list[str] = []

    def page(self, **context: Any) -> Page:
        """A page of a new context, at no address yet."""
        page = self._browser.new_context(**context).new_page()
        self._contexts.append(page.context)
        page.set_default_timeout(PATIENCE)
        for event, note in self._notes():
            page.on(event, note)
        return page

    def close(self) -> None:
        """Close every page and context that was opened here."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _notes(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        """What is listened to, and what is noted of it."""
        return (
            ("request", self._was_asked),
            ("response", self._answered),
            ("console", self._console),
            ("pageerror", self._failed),
        )

    def _was_asked(self, request: Any) -> None:
        self.asked.append(request.url)

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")

    def _console(self, message: Any) -> None:
        self.said.append(f"{message.type}: {message.text}")

    def _failed(self, error: Any) -> None:
        self.said.append(str(error))
