"""How every view looks: first screen, light and dark, a phone; pictures are kept where BREADTH_SCREENSHOTS says.

BREADTH_SCREENSHOTS=/tmp/pictures pytest tests/browser/test_looks.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.reading import PHONE, Reader, choose, settled
from browser.serving import Served

from leaderboard.views import VIEWS

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = tuple(view.NAME for view in VIEWS)
CONTRAST = """([selector, behind]) => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [one, other] = [light(getComputedStyle(document.querySelector(selector)).color),
    light(getComputedStyle(document.querySelector(behind)).backgroundColor)].sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}"""
"""The contrast of a text with its ground, as WCAG 2 defines it."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the views go."""
    named = os.environ.get("BREADTH_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def queries(served: Served) -> dict[str, str]:
    """Every view, and the page of one run, by the names of their pictures."""
    cells = served.source.snapshot().tracks["microworld"].cells
    run = next(line for line in cells if line.spec == "novelselect")
    views = {name: f"view={name}" if name != "leaderboard" else "" for name in NAMES}
    return views | {"run": f"view=runs&run={run.path}"}


def through_every_view(page: Page, served: Served, kept: Path, mode: str) -> None:
    """Go from view to view as a reader does, and keep a picture of each."""
    for name, query in queries(served).items():
        if name == "run":
            page.goto(served.at(query))
            settled(page)
        else:
            page.locator(f"[data-testid=tab-{name}]").click()
            settled(page, view="" if name == "leaderboard" else name)
        drawn = page.eval_on_selector_all(".plot", "all => all.map(plot => !!plot.querySelector('.main-svg'))")
        assert all(drawn), f"{name}: a figure is not drawn"
        assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"], name  # type: ignore[index]
        page.screenshot(path=kept / f"{name}-{mode}.png")


def colours(page: Page) -> tuple[str, str, str]:
    found: list[str] = page.evaluate(
        """[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
        getComputedStyle(document.querySelector('.plot .xtitle')).fill]"""
    )
    return found[0], found[1], found[2]


def test_every_view_in_light(reader: Reader, served: Served, kept: Path) -> None:
    page = reader.open(served.at())
    through_every_view(page, served, kept, "light")


def test_every_view_in_dark(reader: Reader, served: Served, kept: Path) -> None:
    page = reader.open(served.at(), color_scheme="dark")
    through_every_view(page, served, kept, "dark")


def test_every_view_on_a_phone_scrolls_one_way_only(reader: Reader, served: Served, kept: Path) -> None:
    page = reader.open(served.at(), viewport=PHONE, has_touch=True)
    through_every_view(page, served, kept, "phone")
    open_tab = page.locator(".tabs [aria-current]").bounding_box()
    assert open_tab is not None
    assert open_tab["x"] >= 0
    assert open_tab["x"] + open_tab["width"] <= PHONE["width"]


def test_the_filters_of_a_phone_come_when_asked_for(reader: Reader, served: Served) -> None:
    page = reader.open(served.at(), viewport=PHONE)
    assert not page.locator("#controls").is_visible()
    page.click("button[data-filters]")
    assert page.locator("#controls").is_visible()
    choose(page, "level", "embedding")
    settled(page, levels="embedding")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_who_wins_by_how_much_how_sure_without_scrolling(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())
    said = page.inner_text(".lead")
    assert "strategies beat random" in said
    assert "±" in said
    for seen in (".lead", "#controls", "#forest .main-svg"):
        box = page.locator(seen).first.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800, seen
    # Read before any script has run, too.
    plain = reader.page(java_script_enabled=False)
    plain.goto(served.at())
    assert plain.inner_text(".lead") == said
    assert plain.locator("#ranked").is_visible()


def test_light_and_dark_by_the_system_and_by_the_reader(reader: Reader, served: Served) -> None:
    page = reader.open(served.at())
    light = colours(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"getComputedStyle(document.querySelector('.plot .xtitle')).fill !== '{light[2]}'")
    dark = colours(page)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    page.click("[data-mode-switch]")
    page.wait_for_function(f"getComputedStyle(document.querySelector('.plot .xtitle')).fill === '{light[2]}'")
    assert colours(page) == light
    # The reader's word is kept, against the system's.
    page.reload()
    settled(page)
    assert colours(page) == light


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_can_be_read(reader: Reader, served: Served, mode: str) -> None:
    page = reader.open(served.at(), color_scheme=mode)
    for text in (
        ".lead",
        "#content .note",
        "#content figcaption",
        ".tabs a:not([aria-current])",
        ".age",
        "#ranked td.name a",
    ):
        if page.locator(text).count():
            assert page.evaluate(CONTRAST, [text, "body"]) >= 4.5, text
    assert page.evaluate(CONTRAST, ["#ranked th", "#ranked th"]) >= 4.5
    assert page.evaluate(CONTRAST, ["#control-search input", "#control-search input"]) >= 4.5
