"""Opening pages in a real browser and watching what they ask for and say; shared by the tests of report and page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 40_000
"""Milliseconds: a busy machine of two cores takes its time over five megabytes of script."""


class Watched:
    """Pages of a browser, each in a context of its own; notes every request, refusal and word of the console."""

    def __init__(self, browser: Browser):
        self._browser = browser
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.said: list[str] = []

    def page(self, **context: Any) -> Page:
        """A page of a new context, at no address yet."""
        page = self._browser.new_context(**context).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("response", self._answered)
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        return page

    def close(self) -> None:
        """Close every page and context."""
        for context in self._browser.contexts:
            context.close()

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")
