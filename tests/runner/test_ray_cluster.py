"""Cells on a real Ray cluster of two nodes: the same results as here, killed workers and lost nodes, and dead heads."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_cluster import running_cluster
from tiny_track import TINY, command, stored_results, whole_command

pytest.importorskip("ray")
# Nodes, actors and their processes are many for a machine that is busy with other tests.
pytestmark = pytest.mark.timeout(1500)

WANTED = ("--track", str(TINY), "--strategies", "longest;random", "--seeds", "1")
CELLS = 1 + 1 + 1 + 2  # untuned, full, longest, random (two draws)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with running_cluster(2) as running:
        yield running


def start(home: Path, address: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", *WANTED, "--executor", "ray", "--ray-address", address, *more),
        env={**os.environ, "BREADTH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(pattern: str, home: Path, process: subprocess.Popen[str], count: int = 1) -> None:
    deadline = time.monotonic() + 500
    while len(list(home.glob(pattern))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{pattern} never came"
        time.sleep(0.05)


def ended(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=580)
    assert process.returncode == 0, errors + output
    return output + errors


def cell_ids(home: Path) -> list[str]:
    """The cell folder of every record: a cell that was recorded twice stands twice."""
    return sorted(Path(path).parent.name for path in stored_results(home))


def cell_processes() -> list[psutil.Process]:
    """The actors at work on this machine's cluster, oldest first."""
    found = []
    for process in psutil.process_iter(["cmdline", "create_time"]):
        if any("ray::CellProcess" in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return sorted(found, key=lambda process: process.info["create_time"])


@contextmanager
def held() -> Iterator[list[psutil.Process]]:
    """The trainers and evaluators of all actors, stopped for a while: no cell comes to its end meanwhile."""
    # An actor's own children are what multiprocessing starts to fork them from.
    found = [one for actor in cell_processes() for one in actor.children(recursive=True) if one.ppid() != actor.pid]
    for one in found:
        one.suspend()
    try:
        yield found
    finally:
        for one in found:
            with suppress(psutil.NoSuchProcess):
                one.resume()


@pytest.fixture(scope="module")
def disturbed(cluster: Any, built_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home whose run lost a worker, an actor and a node on its way, and what that run said."""
    home = tmp_path_factory.mktemp("disturbed")
    shutil.copytree(built_base, home / "cache" / "base-models")
    process = start(home, cluster.address)
    wait_for("store/results/*/*/*/*.json", home, process)
    with held() as workers:
        workers[0].kill()  # a trainer or an evaluator, at work or not
    wait_for("store/results/*/*/*/*.json", home, process, 2)
    with held():
        os.kill(cell_processes()[0].pid, signal.SIGKILL)
    wait_for("store/results/*/*/*/*.json", home, process, 3)
    with held():
        lost = sorted(cluster.worker_nodes, key=lambda node: node.node_id)[0]
        cluster.remove_node(lost, allow_graceful=False)
    return home, ended(process)


def test_killed_workers_and_a_lost_node_leave_every_cell_recorded_once(
    disturbed: tuple[Path, str], tiny_home: Path
) -> None:
    home, output = disturbed
    assert f"{CELLS} cells recorded, 0 finished before, 0 failed" in output
    assert len(cell_ids(home)) == len(set(cell_ids(home))) == CELLS
    assert not list(home.glob(".seen-by-nodes-*"))
    here = whole_command("run", *WANTED, "--jobs", "1")
    assert here.returncode == 0, here.stderr
    # Records are named by their content: what the cluster made is what this machine makes.
    assert sorted(stored_results(tiny_home)) == sorted(stored_results(home))


@pytest.mark.long
def test_interrupted_there_and_finished_here_with_the_same_records(
    cluster: Any, disturbed: tuple[Path, str], tiny_home: Path
) -> None:
    process = start(tiny_home, cluster.address, "--jobs", "1")
    wait_for("store/results/*/*/*/*.json", tiny_home, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=580)
    assert process.returncode == 130, errors
    assert "Stopped. What was finished is kept" in errors
    assert "Traceback" not in errors
    deadline = time.monotonic() + 300
    while cell_processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert cell_processes() == []
    before = len(cell_ids(tiny_home))
    assert 0 < before < CELLS
    here = whole_command("run", *WANTED, "--jobs", "1")
    assert here.returncode == 0, here.stderr
    assert f"{CELLS - before} cells recorded, {before} finished before, 0 failed" in here.stdout
    assert sorted(stored_results(tiny_home)) == sorted(stored_results(disturbed[0]))


def test_a_dead_head_is_one_error_at_once(tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.engines import EngineFacts
    from suite.runner.ray_cluster import ClusterError, RayCluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(tiny_home, f"127.0.0.1:{port}")
    _, errors = process.communicate(timeout=580)
    assert process.returncode == 1
    assert f"There is no Ray cluster at '127.0.0.1:{port}'" in errors
    assert "ray start --head" in errors
    assert "Traceback" not in errors

    def waits(*_: Any, **__: Any) -> None:
        raise AssertionError("Ray waits minutes for a head that is dead")

    monkeypatch.setattr("ray.init", waits)
    with pytest.raises(ClusterError, match="There is no Ray cluster"):
        RayCluster(f"127.0.0.1:{port}", shared=tiny_home, engine=EngineFacts.of("transformers")).lanes()


@pytest.mark.long
def test_a_head_that_dies_on_the_way_ends_the_run_with_a_sentence(cluster: Any, tiny_home: Path) -> None:
    """The last of this file: the cluster is gone afterwards."""
    process = start(tiny_home, cluster.address, "--jobs", "1")
    wait_for("store/results/*/*/*/*.json", tiny_home, process)
    with held() as workers:
        assert workers
        cluster.remove_node(cluster.head_node, allow_graceful=False)
        output, errors = process.communicate(timeout=580)
    assert process.returncode == 1, errors + output
    assert "no longer answers" in errors
    assert "what was finished is kept" in errors
    assert "Traceback" not in errors
    assert cell_ids(tiny_home)
