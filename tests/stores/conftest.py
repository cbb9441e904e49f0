"""Both kinds of store behind one face, so that one suite of tests runs over both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from hub.fixtures import hub, pointed

from suite.stores import LocalStore, Store, open_store
from suite.stores.hub.store import HubStore

__all__ = ["hub", "pointed"]


class Folder:
    """A local store, and what strangers do to its files."""

    def __init__(self, folder: Path):
        self.folder = folder

    def open(self) -> Store:
        """The store as another process would open it."""
        return open_store(f"file:{self.folder}")

    def settle(self, store: Store) -> None:
        """Nothing is under way: what was put is there."""

    def plant(self, path: str, content: bytes) -> None:
        """Place a file as a stranger would."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def remove(self, path: str) -> None:
        """Delete a file."""
        (self.folder / path).unlink()

    def files(self) -> dict[str, bytes]:
        """All files by path."""
        return {path: (self.folder / path).read_bytes() for path in LocalStore(self.folder).paths()}


class Dataset:
    """A store on the fake Hub, and what strangers with write access do to it."""

    def __init__(self, hub: FakeHub):
        self.repository = hub.repositories["datasets", "org/results"]

    def open(self) -> HubStore:
        """The store as another process of this machine would open it."""
        return HubStore("org/results")

    def settle(self, store: Store) -> None:
        """Publish what was put."""
        assert isinstance(store, HubStore)
        store.publish()

    def plant(self, path: str, content: bytes) -> None:
        """Place a file as a stranger would."""
        self.repository.put(path, content)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self.repository.remove(path)

    def files(self) -> dict[str, bytes]:
        """All files by path."""
        return self.repository.files


Place = Folder | Dataset


@pytest.fixture(params=["file", "hub"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a store lives: a folder, then a dataset repository."""
    if request.param == "file":
        return Folder(tmp_path / "store")
    return Dataset(request.getfixturevalue("pointed"))


@pytest.fixture
def settled(place: Place) -> Callable[..., Store]:
    """Puts results into the store and returns it once they have arrived."""

    def put(*results: object) -> Store:
        store = place.open()
        store.put_many(results)  # type: ignore[arg-type]
        place.settle(store)
        return store

    return put
