"""The site as its readers meet it: whole, strict, and without a single request to another machine."""

from __future__ import annotations

import dataclasses
import functools
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suite.registry import metrics, strategies
from suite.track import track_names

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}
LINKS = {"stylesheet", "preconnect", "preload", "icon", "manifest", "modulepreload", "dns-prefetch"}


class Loads(HTMLParser):
    """Everything that a browser would load by itself for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads."""
        given = dict(attrs)
        if tag in LOADED:
            self.found.append(given.get(LOADED[tag]) or "")
        if tag == "link" and LINKS & set((given.get("rel") or "").split()):
            self.found.append(given.get("href") or "")


def elsewhere(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_no_page_loads_anything_from_another_machine(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if not path.name.startswith("report-")]  # tests/report has those
    assert len(pages) > 60
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        assert loads.found
        assert not list(filter(elsewhere, loads.found)), page
    for style in site.rglob("*.css"):
        found = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", style.read_text())
        assert not [address for pair in found for address in pair if elsewhere(address)], style


def test_every_strategy_metric_and_track_has_its_page(site: Path) -> None:
    for folder, registry in (("strategies", strategies), ("metrics", metrics)):
        for cls in registry:
            if not cls.__module__.startswith(("strategies.", "suite.")):
                continue  # what a test or another package registered
            page = (site / folder / f"{cls.info.name}.html").read_text()
            assert cls.formula, cls.info.name
            assert "<math" in page
            assert all(field.name in page for field in dataclasses.fields(cls))
            assert all(number in page for number in re.findall(r"arXiv (\d{4}\.\d{5})", cls.info.paper))
            index = (site / folder / "index.html").read_text()
            assert f'href="{cls.info.name}.html"' in index
    for name in track_names():
        assert (site / "tracks" / f"{name}.html").is_file()


def test_every_command_has_its_section(site: Path) -> None:
    from handbook.command_pages import registered

    page = (site / "commands.html").read_text()
    for name, command in registered().items():
        assert f'id="breadth-{name}"' in page
        assert all(option in page for parameter in command.params for option in parameter.opts if option[:2] == "--")


def test_every_document_is_in_the_nav(site: Path) -> None:
    front = (site / "index.html").read_text()
    written = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    for path in written:
        assert (site / path).with_suffix(".html").is_file(), path
        assert path.stem in front, path
    for page in ("submit", "contributing", "changelog", "security"):
        assert (site / f"{page}.html").is_file()


def test_records_are_shown_as_they_are_checked(site: Path) -> None:
    page = (site / "file-formats.html").read_text()
    from suite.intake.requests import Request
    from suite.results import Cost, Result
    from suite.track import Recipe, Track

    assert "<!-- fields" not in page
    for model in (Track, Recipe, Result, Cost, Request):
        assert all(f"<code>{name}</code>" in page for name in model.model_fields), model


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, served from this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.mark.parametrize(("mode", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_a_browser_asks_nobody_else_and_shows_it_whole(browser: Browser, address: str, mode: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=mode)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    for name in ("index", "statistics", "strategies/novelselect", "metrics/index", "tracks/m2m", "file-formats"):
        page.goto(f"{address}{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.goto(f"{address}statistics.html")
    shown = [image for image in page.locator("article img").all() if image.is_visible()]
    assert len(shown) == 5
    assert all(("-dark" in (image.get_attribute("src") or "")) == (mode == "dark") for image in shown)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 23, 27)"}[mode]
    assert page.locator("math").first.evaluate("node => node.getBoundingClientRect().width") > 5
    assert not said
    assert asked
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    context.close()


def test_it_can_be_searched(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}index.html")
    page.get_by_role("textbox", name="Search").fill("satterthwaite")
    page.locator(".md-search-result__link").first.wait_for(timeout=20_000)
    assert "statistics" in (page.locator(".md-search-result__link").first.get_attribute("href") or "")
    page.close()
