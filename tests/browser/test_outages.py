"""A store that goes away, comes back, or never was within reach: the page stays up and says what is wrong where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from browser.reading import Reader, choose, column, settled
from browser.serving import Served
from browser.stores import MICROWORLD, made
from factories import experiment
from hub.fake_hub import FakeHub
from hub.pointing import sign_in

from suite.results import Result
from suite.stores import LocalStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

URL = "hf://datasets/org/results"
SOON = 0.2
"""Seconds between two looks at a store that a test takes away."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return made(tmp_path_factory.mktemp("small"), experiment({"k-center": 0.2, "longest": -0.1}, items=60))


def publish(hub: FakeHub, store: LocalStore, name: str = "org/results") -> list[Result]:
    """Fill a repository of the fake Hub as `breadth push` would."""
    repository = hub.repositories["datasets", name]
    for path in store.paths():
        repository.put(path, (store.folder / path).read_bytes(), lfs=path.endswith(".parquet"))
    return list(store.results(MICROWORLD.name))


def until(page: Page, said: Callable[[Page], bool]) -> None:
    """Load the page anew until it says so."""
    for _ in range(200):
        page.reload()
        settled(page)
        if said(page):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the page still says: {page.inner_text('main')[:500]}")


def in_trouble(page: Page) -> bool:
    return page.get_by_test_id("trouble").count() == 1


def age(page: Page) -> str:
    return page.get_attribute(".age time", "datetime") or ""


def test_a_folder_that_goes_away_and_comes_back(reader: Reader, small: LocalStore) -> None:
    aside = small.folder.with_name("aside")
    with Served(small.url, seconds=SOON) as served:
        page = reader.open(served.at())
        shown = column(page, "ranked", "strategy")
        small.folder.rename(aside)
        try:
            until(page, in_trouble)
            stood = age(page)
            assert "any more" in page.get_by_test_id("trouble").inner_text()
            assert column(page, "ranked", "strategy") == shown
            page.reload()
            settled(page)
            assert age(page) == stood
        finally:
            aside.rename(small.folder)
        until(page, lambda page: not in_trouble(page))
        assert age(page) > stood
        assert column(page, "ranked", "strategy") == shown


def test_a_board_on_the_hub_whose_hub_goes_away_and_comes_back(
    reader: Reader, small: LocalStore, pointed: FakeHub
) -> None:
    results = publish(pointed, small)
    with Served(URL, seconds=SOON) as served:
        page = reader.open(served.at())
        shown = column(page, "ranked", "strategy")
        assert "k-center" in shown
        choose(page, "tasks", "exact-0")
        settled(page, tasks="exact-0")
        page.goto(served.at(f"view=runs&run={results[0].path}"))
        settled(page)
        assert page.locator("#run-facts").count() == 1
        pointed.stop()
        page.goto(served.at())
        settled(page)
        until(page, in_trouble)
        stood = age(page)
        assert stood
        assert column(page, "ranked", "strategy") == shown
        # A record that was never fetched is out of reach: said, with the rest of the page in place.
        page.goto(served.at(f"view=runs&run={results[-1].path}"))
        settled(page)
        assert page.get_by_text("The rest of this record cannot be shown").is_visible()
        pointed.start()
        page.goto(served.at())
        settled(page)
        until(page, lambda page: not in_trouble(page))
        assert age(page) > stood


@pytest.mark.parametrize("case", ["unreachable", "wrong token", "private", "no repository", "no tables"])
def test_a_hub_that_gives_nothing(reader: Reader, pointed: FakeHub, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    url, expected = URL, ""
    if case == "unreachable":
        pointed.stop()
        expected = "cannot be reached"
    elif case == "wrong token":
        sign_in("hf_made_up", monkeypatch)
        expected = "token"
    elif case == "private":
        pointed.create("org/secret", private=True)
        sign_in(None, monkeypatch)
        url, expected = "hf://datasets/org/secret", "private"
    elif case == "no repository":
        url, expected = "hf://datasets/org/nothing", "There is no"
    else:
        expected = "no tables yet"
    with Served(url) as served:
        page = reader.open(served.at())
        trouble = page.get_by_test_id("trouble").inner_text()
        assert expected in trouble
        assert "hf_" not in page.content()
        page.locator("[data-testid=tab-about]").click()
        settled(page, view="about")
        assert expected in page.get_by_test_id("trouble").inner_text()
        assert page.get_by_text("How the ranking is computed").is_visible()
