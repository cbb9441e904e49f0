"""The report in a real browser without a network: drawn in light and dark, on a phone, sorted; nothing is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import Watched
from reports import material_of

from suite.report.page import report_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    path.write_text(report_page(material_of(folder / "store")), encoding="utf-8")
    return path


def opened(browser: Browser, report: Path, asked: list[str], said: list[str], **context: Any) -> Page:
    """The drawn page; what it asks for and what its console says goes into the lists."""
    watched = Watched(browser)
    watched.asked, watched.said = asked, said
    page = watched.page(offline=True, **context)
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-drawn=yes]")
    return page


def title_colour(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.querySelector('.plot .xtitle')).fill"))


def test_light_dark_sorting_and_no_request(browser: Browser, report: Path) -> None:
    asked: list[str] = []
    said: list[str] = []
    page = opened(browser, report, asked, said, viewport={"width": 1280, "height": 900}, color_scheme="light")
    drawn = page.evaluate("[...document.querySelectorAll('.plot')].map(plot => !!plot.querySelector('.main-svg'))")
    assert len(drawn) >= 3
    assert all(drawn)
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    light = title_colour(page)
    page.click("#mode")
    page.wait_for_function(f"getComputedStyle(document.querySelector('.plot .xtitle')).fill !== '{light}'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    assert page.evaluate("getComputedStyle(document.body).color") != ink

    def column() -> list[float]:
        cells = page.eval_on_selector_all(
            "#ranked-0 tbody tr td:nth-child(5)", "all => all.map(cell => cell.dataset.sort)"
        )
        return [float(cell) for cell in cells]

    page.click("#ranked-0 th:nth-child(5) button")
    assert column() == sorted(column(), reverse=True)
    page.click("#ranked-0 th:nth-child(5) button")
    assert column() == sorted(column())
    page.click("#ranked-0 th:nth-child(1) button")
    ranks = page.eval_on_selector_all("#ranked-0 tbody tr td:first-child", "all => all.map(cell => cell.textContent)")
    assert ranks[-3:] == ["–"] * 3
    assert asked == [report.as_uri()]
    assert said == []


def test_dark_from_the_system(browser: Browser, report: Path) -> None:
    said: list[str] = []
    page = opened(browser, report, [], said, color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 23, 27)"
    assert title_colour(page) == "rgb(169, 171, 179)"
    assert said == []


def test_a_phone_scrolls_one_way_only(browser: Browser, report: Path) -> None:
    asked: list[str] = []
    said: list[str] = []
    page = opened(browser, report, asked, said, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("forest-0", "cost-0"):
        width = page.evaluate(
            f"document.querySelector('#{name} .plot-container .main-svg').getBoundingClientRect().width"
        )
        assert 300 < width <= 390
    assert asked == [report.as_uri()]
    assert said == []
