"""Publishing in the background, by two processes at once, and by one that is killed: nothing lost, nothing twice."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import result
from hub.fake_hub import FakeHub
from hub.fake_repository import Repository

from suite.stores.hub.patience import Patience
from suite.stores.hub.publishing import Publisher
from suite.stores.hub.store import HubStore

HERE = Path(__file__).parent
FAST = Patience(attempts=2, first_wait=0.01)


@pytest.fixture
def repository(hub: FakeHub) -> Repository:
    return hub.repositories["datasets", "org/results"]


LONG = 400.0
"""Seconds; a process that loads the suite may take minutes to start on a machine that does much else."""


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    """Ends what a failed test has left running."""
    yield
    while RUNNING:
        process = RUNNING.pop()
        process.kill()
        process.wait()


RUNNING: list[subprocess.Popen[str]] = []


def started(hub: FakeHub, home: Path, first: int, last: int) -> subprocess.Popen[str]:
    """A publisher with a BREADTH_HOME of its own."""
    environment = hub.environment(home / "hf") | {
        "BREADTH_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path]),
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "publishing_process.py"), "org/results", str(first), str(last)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    RUNNING.append(process)
    return process


def waiting(home: Path) -> list[Path]:
    """What the spool under a BREADTH_HOME holds."""
    return [path for path in home.glob("hub/*/org/results/spool/*") if not path.name.startswith(".")]


def times_added(repository: Repository) -> dict[str, int]:
    """How many commits added or changed each file."""
    counts: dict[str, int] = {}
    for before, after in itertools.pairwise(repository.head.history()[::-1]):
        for path, blob in after.tree.items():
            if before.tree.get(path) != blob:
                counts[path] = counts.get(path, 0) + 1
    return counts


def test_two_publishers_at_once_lose_nothing(hub: FakeHub, repository: Repository, tmp_path: Path) -> None:
    # Thirty results each, ten of which both have made.
    both = [started(hub, tmp_path / name, first, first + 30) for name, first in (("a", 0), ("b", 20))]
    for process in both:
        output, _ = process.communicate(timeout=LONG)
        assert process.returncode == 0, output
    expected = {result(training_seed=seed).path for seed in range(50)}
    assert repository.files.keys() == expected
    assert times_added(repository) == dict.fromkeys(expected, 1)
    assert not waiting(tmp_path / "a") + waiting(tmp_path / "b")


def early(hub: FakeHub, process: subprocess.Popen[str]) -> list[str]:
    """The moment after three results were put."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(3)]


def committing(hub: FakeHub, process: subprocess.Popen[str]) -> list[str]:
    """The moment at which a commit is on its way; the Hub works on it while its sender dies."""
    wait_for(lambda: bool(hub.asked("/preupload/")), seconds=LONG)
    time.sleep(0.2)
    return []


@pytest.mark.parametrize("moment", [early, committing])
def test_a_publisher_that_is_killed_loses_and_doubles_nothing(
    hub: FakeHub,
    repository: Repository,
    tmp_path: Path,
    moment: Callable[[FakeHub, subprocess.Popen[str]], list[str]],
) -> None:
    hub.fail("POST .*/commit/", slow=1.0)
    process = started(hub, tmp_path, 0, 30)
    put = moment(hub, process)
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    put += [line.strip() for line in process.stdout if line.endswith(".json\n")]
    process.wait()
    if moment is committing:
        wait_for(lambda: bool(hub.asked("/commit/main 200")))
        assert waiting(tmp_path)
    again = started(hub, tmp_path, 0, 0)
    output, _ = again.communicate(timeout=LONG)
    assert again.returncode == 0, output
    assert put
    assert set(put) <= repository.files.keys()
    # One more may have reached the spool without having been told.
    assert len(repository.files) <= len(set(put)) + 1
    assert set(times_added(repository).values()) == {1}
    assert not waiting(tmp_path)


def test_a_full_batch_goes_at_once_and_the_rest_at_the_end(pointed: FakeHub, repository: Repository) -> None:
    store = HubStore("org/results")
    with Publisher(store, print, batch=3, every=1000.0) as publisher:
        for seed in range(3):
            store.put(result(training_seed=seed))
        wait_for(lambda: publisher.published == 3)
        store.put(result(training_seed=3))
        time.sleep(0.3)
        assert len(repository.files) == 3
    assert len(repository.files) == 4
    assert publisher.published == 4
    assert publisher.trouble is None


def test_time_publishes_what_makes_no_batch(pointed: FakeHub, repository: Repository) -> None:
    store = HubStore("org/results")
    with Publisher(store, print, batch=100, every=0.2):
        store.put(result())
        wait_for(lambda: len(repository.files) == 1)


def test_what_waited_before_is_published_too(pointed: FakeHub, repository: Repository) -> None:
    HubStore("org/results").put(result())
    with Publisher(HubStore("org/results"), print, every=0.1):
        wait_for(lambda: len(repository.files) == 1)


def test_an_interruption_publishes_what_there_is(pointed: FakeHub, repository: Repository) -> None:
    store = HubStore("org/results")

    def interrupted() -> None:
        with Publisher(store, print, every=1000.0):
            store.put(result())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(repository.files) == 1


def test_an_outage_is_told_once_and_disturbs_nothing(pointed: FakeHub, repository: Repository) -> None:
    store = HubStore("org/results")
    said: list[str] = []
    pointed.stop()
    with Publisher(store, said.append, batch=2, every=0.1, patience=FAST, last=FAST) as publisher:
        store.put_many([result(training_seed=seed) for seed in range(4)])
        wait_for(lambda: bool(said))
        time.sleep(0.5)
    assert len(said) == 1
    assert "cannot be reached" in said[0]
    assert publisher.trouble is not None
    assert (publisher.published, store.waiting()) == (0, 4)
    pointed.start()
    with Publisher(store, said.append, batch=2, every=0.1, patience=FAST) as later:
        wait_for(lambda: later.published == 4)
    assert len(repository.files) == 4
    assert len(said) == 1


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
