"""What a reader does with the page: open it, wait for it, use its controls, and read its tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from browsing import PATIENCE, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SEATED = {"viewport", "color_scheme"}
"""What can be changed of a tab that is there; whatever else is wanted of a page has one of its own."""
WHOLE = """(fields) => {
  const query = new URLSearchParams(location.search);
  if (Object.entries(fields).some(([name, value]) => (query.get(name) || "") !== value)) return false;
  const body = document.getElementById("breadth-body");
  return body && document.documentElement.dataset.mounted && !body.hasAttribute("aria-busy")
    && body.dataset.ready === location.search.slice(1) && body.dataset.drawn === body.dataset.ready;
}"""
"""The view of the address is there, and its figures are drawn."""


class Reader(Watched):
    """Opens addresses of the page and waits until they are shown.

    The first page of a desk is shown on `seat`, where there is one: a tab that readers take in turns, each without what
    the one before has kept in it.
    """

    def __init__(self, browser: Browser, seat: Page | None = None):
        super().__init__(browser)
        self._free = seat
        self._taken: Page | None = None

    def open(self, address: str, **context: Any) -> Page:
        """The page of an address, whole, on a desk unless a viewport is given."""
        wanted: dict[str, Any] = {"viewport": DESK, "color_scheme": "light"} | context
        page = self._seated(**wanted) if self._free and wanted.keys() == SEATED else self.page(**wanted)
        page.goto(address)
        return settled(page)

    def _seated(self, viewport: ViewportSize, color_scheme: Any) -> Page:
        page, self._free = self._free, None
        assert page is not None
        self._taken = page
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme)
        for event, note in self._notes():
            page.on(event, note)
        return page

    def close(self) -> None:
        """Close what was opened, and leave the seat as it was found."""
        super().close()
        if self._taken is not None:
            self._taken.evaluate("localStorage.clear(); sessionStorage.clear()")
            for event, note in self._notes():
                self._taken.remove_listener(event, note)
            self._taken.context.clear_cookies()
            self._taken.goto("about:blank")
            self._taken = None

    def strangers(self) -> list[str]:
        """What was asked of any other machine than this one."""
        return [url for url in self.asked if urlsplit(url).hostname != "127.0.0.1" and not url.startswith(_WITHIN)]


_WITHIN = ("data:", "blob:")


def settled(page: Page, **fields: str) -> Page:
    """The page, once its address has these fields ("" for none) and it shows all that the address says."""
    page.wait_for_function(WHOLE, arg=fields)
    return page


def field(url: str, name: str) -> str:
    """A field of an address, "" where it is left out."""
    return parse_qs(urlsplit(url).query).get(name, [""])[0]


def choose(page: Page, control: str, option: str) -> None:
    """Choose an option of a list."""
    page.locator(f"#control-{control} input").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def column(page: Page, grid: str, name: str) -> list[str]:
    """The texts of a table's column, top to bottom."""
    heads: Sequence[str] = page.eval_on_selector_all(f"#{grid} thead th", "all => all.map(head => head.dataset.column)")
    at = heads.index(name) + 1
    found: list[str] = page.eval_on_selector_all(
        f"#{grid} tbody td:nth-child({at})", "all => all.map(cell => cell.innerText.trim())"
    )
    return found


def numbers(texts: Sequence[str]) -> list[float]:
    """The numbers among the texts of a column."""
    return [float(text.replace(",", "")) for text in texts if re.fullmatch(r"[+-]?[\d,]*\.?\d+", text)]


def downloaded(page: Page, grid: str, kind: str) -> bytes:
    """A table as the file that its link gives."""
    with page.expect_download() as begun:
        page.click(f".table:has(#{grid}) a[download$='.{kind}']")
    return begun.value.path().read_bytes()


def lines(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file by the names of its columns."""
    return list(csv.DictReader(io.StringIO(content.decode())))
