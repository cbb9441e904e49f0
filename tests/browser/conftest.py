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
    from playwright.sync_api import Browser

__all__ = ["hub", "pointed"]


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    """Opens pages; at the end none asked for anything but its own server's, was refused, or complained."""
    made = Reader(browser)
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


@pytest.fixture(scope="module")
def served(committed_store: LocalStore) -> Iterator[Served]:
    """The page of the committed results."""
    with Served(committed_store.url) as running:
        yield running
