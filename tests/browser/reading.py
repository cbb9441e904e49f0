"""What a reader does with the page: open it, wait for it, use its controls, and read its tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from browsing import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WHOLE = """(fields) => {
  const query = new URLSearchParams(location.search);
  if (Object.entries(fields).some(([name, value]) => (query.get(name) || "") !== value)) return false;
  const body = document.getElementById("breadth-body");
  return body && document.documentElement.dataset.mounted && !body.hasAttribute("aria-busy")
    && body.dataset.ready === location.search.slice(1) && body.dataset.drawn === body.dataset.ready;
}"""
"""The view of the address is there, and its figures are drawn."""


class Reader(Watched):
    """Opens addresses of the page and waits until they are shown."""

    def open(self, address: str, **context: Any) -> Page:
        """The page of an address, whole, on a desk unless a viewport is given."""
        page = self.page(**({"viewport": DESK, "color_scheme": "light"} | context))
        page.goto(address)
        return settled(page)

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
