"""Both kinds of store for the queue's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hub.fixtures import hub, pointed

from suite.stores import LocalStore, Store
from suite.stores.hub.store import HubStore

__all__ = ["hub", "pointed"]

Open = Callable[[], Store]


@pytest.fixture(params=["file", "hub"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the requests store as another process would: a folder, then a dataset repository."""
    if request.param == "file":
        return lambda: LocalStore(tmp_path / "board")
    request.getfixturevalue("pointed").create("org/requests")
    return lambda: HubStore("org/requests")


@pytest.fixture
def store(opened: Open) -> Store:
    """The requests store, opened once."""
    return opened()
