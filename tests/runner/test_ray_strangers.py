"""Nodes of a real Ray cluster that are not as this machine is: without Breadth, where actors die, of another home."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_cluster import running_cluster

from suite.engines import EngineFacts
from suite.runner.executors import ExecutorLost
from suite.runner.ray_cluster import RayCluster
from suite.runner.ray_seat import ARRIVALS_FORGIVEN, RaySeat

pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(900)

WITHOUT_BREADTH = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "suite":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head; each test adds the node it is about."""
    with running_cluster(0) as running:
        yield running


@contextmanager
def node(cluster: Any, **environment: str) -> Iterator[None]:
    """A node with one processor, started in another environment."""
    before = dict(os.environ)
    os.environ |= environment
    try:
        added = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield
    finally:
        cluster.remove_node(added)


@contextmanager
def joined(cluster: Any, home: Path) -> Iterator[RayCluster]:
    home.mkdir(exist_ok=True)
    executor = RayCluster(cluster.address, jobs=1, shared=home, engine=EngineFacts.of("transformers"))
    try:
        assert executor.lanes() == 1
        yield executor
    finally:
        executor.close()


def wait_until(what: Callable[[], bool], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def test_a_node_without_breadth_is_named_in_one_sentence(cluster: Any, own_home: Path, tmp_path: Path) -> None:
    """Ray gives such a node a stand-in for the actor's class, which fails as it begins, for ever."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_BREADTH)
    with node(cluster, PYTHONPATH=str(tmp_path)), joined(cluster, own_home) as executor:
        seat = executor.seat(0, threads=1, logs=own_home / "logs")
        with pytest.raises(ExecutorLost) as refused:
            wait_until(seat.ready)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith(f"Node {cluster.address.partition(':')[0]} of the Ray cluster cannot run Breadth (")
    assert "(ModuleNotFoundError: No module named 'suite')" in said
    assert "Install the same Breadth there" in said


class Killed:
    """An actor that is killed before it can say where it is."""

    def __init__(self) -> None:
        os._exit(1)

    def node(self) -> None:
        """Never reached."""


def test_places_that_are_lost_again_and_again_end_the_run(cluster: Any, own_home: Path) -> None:
    import ray

    asked: list[int] = []

    def ask() -> Any:
        asked.append(len(asked))
        return ray.remote(Killed).options(max_restarts=0).remote()

    with node(cluster), joined(cluster, own_home) as executor:
        seat = RaySeat(ask, executor)
        with pytest.raises(ExecutorLost) as lost:
            wait_until(seat.ready)
    said = str(lost.value)
    assert len(asked) == ARRIVALS_FORGIVEN + 1
    assert said.startswith(f"{len(asked)} places on the Ray cluster in a row were lost")
    assert (
        f"Node {cluster.address.partition(':')[0]} was the last: The actor is dead because its worker process" in said
    )
    assert "Mend it or take it away" in said


def test_a_node_of_another_environment_works_in_the_drivers_folders(
    cluster: Any, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its verdicts would lie where nobody looks, and its tasks be made of other data than the driver's."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("BREADTH_DATA", str(data))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "models"))
    theirs = dict.fromkeys(("BREADTH_HOME", "BREADTH_DATA", "HF_HOME"), str(tmp_path / "of-the-node"))
    with node(cluster, **theirs), joined(cluster, own_home) as executor:
        seat = executor.seat(0, threads=1, logs=own_home / "logs")
        wait_until(seat.ready)
        # What the trainer and the evaluator are forked from is what the actor has started.
        (actor,) = [one for one in psutil.process_iter(["cmdline", "environ"]) if _is_actor(one, theirs)]
        wait_until(lambda: bool(actor.children()))
        for child in actor.children():
            environment = child.environ()
            assert environment["BREADTH_HOME"] == str(own_home)
            assert environment["BREADTH_DATA"] == str(data)
            assert environment["HF_HOME"] == str(tmp_path / "models")
        seat.stop()


def _is_actor(process: psutil.Process, environment: dict[str, str]) -> bool:
    """Whether it is a place for cells on the node that was started in this environment; other tests have their own."""
    named = any("ray::CellProcess" in part for part in process.info["cmdline"] or ())
    return named and environment.items() <= (process.info["environ"] or {}).items()
