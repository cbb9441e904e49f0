"""Several GPUs a cell on a real Ray cluster: a node is told that it has four, and computes on its processor."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_cluster import running_cluster
from tiny_track import TINY, command, stored_results

pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(900)

CELLS = 1 + 1 + 1  # untuned, full, longest


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with running_cluster(1, processors=4, gpus=4) as running:
        yield running


def wait_until(what: Callable[[], bool], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def test_two_cells_of_two_gpus_have_their_own_and_the_third_waits(cluster: Any, own_home: Path) -> None:
    import ray

    from suite.engines import EngineFacts
    from suite.runner.ray_cluster import RayCluster

    own_home.mkdir()
    facts = EngineFacts.of("transformers")
    executor = RayCluster(cluster.address, jobs=3, gpus_per_cell=2, shared=own_home, engine=facts)
    assert executor.lanes() == 3
    try:
        seats = [executor.seat(number, threads=1, logs=own_home / "logs") for number in range(3)]
        wait_until(lambda: sum(seat.ready() for seat in seats) == 2)
        (waits,) = [seat for seat in seats if not seat.ready()]
        placed = [seat for seat in seats if seat is not waits]
        # No GPU is in two hands.
        assert sorted(device for seat in placed for device in seat.devices) == ["0", "1", "2", "3"]
        assert all(len(seat.devices) == 2 for seat in placed)
        assert ray.available_resources().get("GPU", 0) == 0
        time.sleep(2)
        assert not waits.ready()
        assert waits.devices == ()
        given_back = placed[0].devices
        placed[0].stop()
        wait_until(waits.ready)
        assert waits.devices == given_back
        for seat in seats:
            seat.stop()
    finally:
        executor.close()


def test_a_node_whose_vllm_is_another_gets_no_cell(cluster: Any, own_home: Path) -> None:
    from suite.engines import EngineFacts
    from suite.runner.executors import ExecutorLost
    from suite.runner.ray_cluster import RayCluster

    own_home.mkdir()
    made_up = EngineFacts("vllm", {"vllm": "0.26.99"})
    executor = RayCluster(cluster.address, jobs=1, shared=own_home, engine=made_up)
    try:
        assert executor.lanes() == 1
        seat = executor.seat(0, threads=1, logs=own_home / "logs")
        # A node without any vLLM is refused as one with another is.
        with pytest.raises(ExecutorLost, match=r"Node .* (other versions of vllm|cannot evaluate with vllm)"):
            wait_until(seat.ready)
        seat.stop()
    finally:
        executor.close()


def run(home: Path, cluster: Any, *more: str) -> subprocess.CompletedProcess[str]:
    asked = ("run", "--track", str(TINY), "--strategies", "longest", "--seeds", "1")
    return subprocess.run(
        command(*asked, "--executor", "ray", "--ray-address", cluster.address, *more),
        env={**os.environ, "BREADTH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_more_gpus_than_any_node_has_are_refused_before_anything_is_done(cluster: Any, tiny_home: Path) -> None:
    done = run(tiny_home, cluster, "--gpus-per-cell", "5")
    assert done.returncode == 1
    assert "No node of the Ray cluster has 5 GPUs; the largest has 4. Lower --gpus-per-cell" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny_home / "cache" / "models").exists()
    assert not list(tiny_home.glob(".seen-by-nodes-*"))


@pytest.mark.long
def test_a_run_of_two_gpus_a_cell_records_every_cell_once(cluster: Any, tiny_home: Path) -> None:
    done = run(tiny_home, cluster, "--gpus-per-cell", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{CELLS} cells recorded, 0 finished before, 0 failed" in done.stdout
    cells = [Path(path).parent.name for path in stored_results(tiny_home)]
    assert len(cells) == len(set(cells)) == CELLS
