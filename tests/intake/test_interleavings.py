"""Whatever happens in whatever order: every request ends once, and no result is lost or doubled."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from hub.pointing import point_client
from intake.interleaving import Folder, World

from suite.stores import Store
from suite.stores.hub.store import HubStore


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a disk keeps what it was given is not what is asked here, and asking it costs most of the time."""
    monkeypatch.setattr("suite.atomic._sync", lambda path: None)


@pytest.fixture
def memory(unsynced: None, tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is such a place, else on the disk."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=place if os.access(place, os.W_OK) else tmp_path))
    yield folder
    shutil.rmtree(folder)


def play(seeds: range, place: Callable[[int], Folder]) -> Counter[str]:
    """Play interleavings; returns how often what happened, and how requests ended."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        world = World(seed, place(seed))
        try:
            world.play()
        except AssertionError as error:
            raise AssertionError(f"interleaving {seed}: {error}") from error
        shutil.rmtree(world.place.folder, ignore_errors=True)
        seen.update(world.happened)
        seen.update(request.state for request in world.latest.values())
        seen.update(f"deaths {request.deaths}" for request in world.latest.values())
    return seen


def assert_everything_happened(seen: Counter[str]) -> None:
    wanted = ("published", "failed", "withdrawn", "deaths 1", "deaths 2", "deaths 3", "_kill", "_pause", "_requeue")
    assert all(seen[what] > 0 for what in wanted), seen
    assert seen["published"] > seen["failed"], seen


def test_500_interleavings_over_a_folder(memory: Path) -> None:
    assert_everything_happened(play(range(500), lambda seed: Folder(memory / str(seed))))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_10000_interleavings_over_a_folder(memory: Path) -> None:
    seen = play(range(1_000, 11_000), lambda seed: Folder(memory / str(seed)))
    assert_everything_happened(seen)
    print(f"10,000 interleavings: {dict(sorted(seen.items()))}")


class Dataset:
    """Requests on the fake Hub, each party with a mirror of its own; results in a folder."""

    def __init__(self, hub: FakeHub, folder: Path, seed: int):
        self.name = f"org/requests-{seed}"
        hub.create(self.name)
        self.folder, self.opened = folder, 0

    def requests(self) -> Store:
        """The repository, as a machine of its own sees it."""
        self.opened += 1
        return HubStore(self.name, base=self.folder / f"machine-{self.opened}")

    def results(self) -> Store:
        """A folder."""
        return Folder(self.folder / "results").requests()


def play_on_hub(seeds: range, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    with FakeHub() as hub:
        point_client(hub, folder / "hf-home", monkeypatch)
        return play(seeds, lambda seed: Dataset(hub, folder / str(seed), seed))  # type: ignore[return-value,arg-type]


@pytest.mark.usefixtures("unsynced")
def test_a_few_interleavings_over_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert play_on_hub(range(4), tmp_path, monkeypatch)["published"] > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("unsynced")
def test_100_interleavings_over_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = play_on_hub(range(100, 200), tmp_path, monkeypatch)
    assert_everything_happened(seen)
    print(f"100 interleavings over the Hub: {dict(sorted(seen.items()))}")
