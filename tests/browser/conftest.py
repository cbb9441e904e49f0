"""A reader of the page, and the stores that more than one file of tests opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browser.reading import Reader
from browser.serving import Served
from browser.stores import committed
from hub.fixtures import hub, pointed

from suite.stores import LocalStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["hub", "pointed"]


@pytest.fixture(scope="module")
def seat(browser: Browser) -> Page:
    """A tab for a module's tests, one after the other: each new one compiles the page's scripts for some seconds."""
    return browser.new_context().new_page()


@pytest.fixture
def reader(browser: Browser, seat: Page) -> Iterator[Reader]:
    """Opens pages; at the end none asked for anything but its own server's, was refused, or complained."""
    made = Reader(browser, seat)
    yield made
    made.close()
    assert made.asked
    assert made.strangers() == []
    assert made.refused == []
    assert made.said == []


@pytest.fixture(scope="session")
def committed_store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """The committed results with their tables; never write into it."""
    return committed(tmp_path_factory.mktemp("committed") / "store")


@pytest.fixture(scope="session")
def served(committed_store: LocalStore) -> Iterator[Served]:
    """The page of the committed results."""
    with Served(committed_store.url) as running:
        yield running
