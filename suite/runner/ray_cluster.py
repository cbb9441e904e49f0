"""Cells on an existing Ray cluster: each lane's two processes live under an actor on some node of it.

The driver (this process) selects, holds the locks, reads and writes the caches and records. A node needs the same
Breadth and must see the driver's BREADTH_HOME and BREADTH_DATA (and HF_HOME for models of the Hub) under the same path,
as on any cluster with a shared file system: what a node trained is then there for the driver, for other nodes and for
the next run. It works with these folders whatever its own environment says. All is checked before a node gets its first
cell, and that it evaluates with the engine's versions of the driver, under which its results are looked for.

Ray kills a driver that has not heard of its head for a minute, so the head is looked at while calls run, and a dead one
ends the run with a sentence.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.atomic import write_text
from suite.errors import BreadthError, UsageError
from suite.reporting import Notify, say_nothing
from suite.runner.executors import ExecutorLost
from suite.runner.ray_actor import CellProcess, Node, code, libraries, shared_environment
from suite.runner.ray_seat import RaySeat, first_line

if TYPE_CHECKING:
    from suite.engines import EngineFacts

POLL_SECONDS = 0.3
HEAD_SECONDS = 5.0
HEAD_MISSES = 3
CONNECT_SECONDS = 5.0
WAITING_SECONDS = 60.0
INSTALL = "pip install 'breadth[ray]'"


class ClusterError(BreadthError):
    """A Ray cluster cannot be reached or cannot serve a run."""


class RayCluster:
    """An executor on the Ray cluster at `address` (None: RAY_ADDRESS, or the cluster of this machine).

    Nodes must see the folder `shared` and evaluate with the versions of `engine`; `check` raises BreadthError for a
    machine (a line of `suite.machine.hardware`) that cannot hold the cells.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        jobs: int | None = None,
        gpus_per_cell: int = 1,
        shared: Path,
        engine: EngineFacts,
        check: Callable[[str], object] = str,
        notify: Notify = say_nothing,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError(f"--jobs must be at least 1, not {jobs}.")
        self.gpus_per_cell = gpus_per_cell
        self.address = address or os.environ.get("RAY_ADDRESS") or "auto"
        self._jobs = jobs
        self._shared = shared
        self._engine = engine
        self._check = check
        self._notify = notify
        self._last_waited = time.monotonic()
        self._token = shared / f".seen-by-nodes-{uuid.uuid4().hex[:12]}"
        self._head = ""
        self._has_gpus = False
        self._cpus_per_lane = 1
        self._lanes = 0
        self._opened = False
        self.lost = False
        """Whether the head is known to be dead: asking it anything would wait, and end this process after a minute."""
        self._head_seen = time.monotonic()

    def lanes(self) -> int:
        """As asked, else as many cells as the nodes hold now. Connects to the cluster on the first call."""
        if not self._lanes:
            self._connect()
            self._lanes = self._count()
        return self._lanes

    def threads(self, *, small: bool) -> int:
        """One for small models, else a lane's share of its node's cores."""
        return 1 if small else self._cpus_per_lane

    def seat(self, number: int, *, threads: int, logs: Path) -> RaySeat:
        """A place on some node, once Ray has one."""
        import ray

        actor = ray.remote(CellProcess).options(
            num_cpus=1 if self._has_gpus else threads,
            num_gpus=self.gpus_per_cell if self._has_gpus else 0,
            max_concurrency=4,
            max_restarts=0,
        )
        given = shared_environment(self._shared, self._engine)
        return RaySeat(
            lambda: actor.remote(number, threads, str(logs), self._token.name, self._engine.name, given), self
        )

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        self._token.unlink(missing_ok=True)
        if self._opened:
            import ray

            self._opened = False
            if self.lost:
                # Nothing to leave any more; its nodes and their actors end by themselves.
                atexit.unregister(ray.shutdown)
                atexit.register(_end_without_ray)
            else:
                ray.shutdown()

    def check_head(self) -> None:
        """Look at the cluster's head from time to time. Raises ExecutorLost when it no longer answers."""
        if time.monotonic() - self._head_seen < HEAD_SECONDS:
            return
        if not _answers_soon(self._head):
            self.lost = True
            raise ExecutorLost(
                f"The head of the Ray cluster ({self._head}) no longer answers. Start it again (`ray start --head`), "
                "join the nodes to it, and run the same command: what was finished is kept."
            )
        self._head_seen = time.monotonic()

    def waits(self) -> None:
        """Say from time to time that lanes wait for places."""
        if time.monotonic() - self._last_waited > WAITING_SECONDS:
            self._last_waited = time.monotonic()
            needs = f"{self.gpus_per_cell} GPU(s)" if self._has_gpus else "a processor"
            self._notify(
                f"Waiting for a node of the Ray cluster with {needs} to spare; `ray status` says who uses them. "
                "Ctrl-C loses nothing."
            )

    def arrived(self) -> None:
        """A lane has its place: whoever waits from now on begins to wait anew."""
        self._last_waited = time.monotonic()

    def refused(self, node: Node) -> str | None:
        """Why a node cannot serve this run; None when it can."""
        if node.code != code():
            return (
                f"Node {node.host} has another version of Breadth than this machine. Install the same on every node: "
                "results of one run must come from one code."
            )
        if node.libraries != libraries():
            return (
                f"Node {node.host} has other versions of libraries than this machine "
                f"({_differences(node.libraries, libraries())}). Install the same on every node: results of one run "
                "must come from one code."
            )
        if node.unseen:
            return (
                f"Node {node.host} does not see {' and '.join(node.unseen)} of this machine. Put BREADTH_HOME, "
                "BREADTH_DATA and HF_HOME on a file system that all nodes mount under the same path, and run again."
            )
        if node.no_engine:
            return f"Node {node.host} cannot evaluate with {self._engine.name}: {node.no_engine}"
        if node.engine != self._engine.versions:
            return (
                f"Node {node.host} would evaluate with other versions of {self._engine.name} or its libraries than "
                f"this machine has ({_differences(node.engine, self._engine.versions)}). Install the same on every "
                "node: results of different versions are never paired, and this run would never be finished."
            )
        try:
            self._check(node.hardware)
        except BreadthError as error:
            return f"Node {node.host}: {error}"
        return None

    def _connect(self) -> None:
        try:
            import ray
        except ImportError as error:
            raise ClusterError(f"--executor ray needs Ray: {INSTALL} (on every node).") from error
        if not ray.is_initialized():
            self._join(ray)
        self._head = ray.get_runtime_context().gcs_address
        write_text(self._token, "Breadth nodes look for this file.\n")

    def _join(self, ray: Any) -> None:
        address = self.address.removeprefix("ray://")
        # Ray itself waits minutes for a head that does not answer.
        if address != "auto" and not _answers(address):
            raise ClusterError(self._no_head())
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except Exception as error:  # ConnectionError, RuntimeError (versions), ValueError: all one to whoever reads it
            raise ClusterError(f"{self._no_head()} Ray says: {first_line(error)}") from error
        self._opened = True

    def _no_head(self) -> str:
        return (
            f"There is no Ray cluster at {self.address!r}. Start its head with `ray start --head --port=6379`, join "
            "nodes with `ray start --address=HEAD:6379`, and give --ray-address HEAD:6379 (or run on a node of it)."
        )

    def _count(self) -> int:
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = [int(node.get("GPU", 0)) for node in nodes]
        cpus = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
        self._has_gpus = any(gpus)
        if self._has_gpus:
            places = sum(count // self.gpus_per_cell for count in gpus)
            if not places:
                raise ClusterError(
                    f"No node of the Ray cluster has {self.gpus_per_cell} GPUs; the largest has {max(gpus)}. Lower "
                    "--gpus-per-cell, or add a node."
                )
            of_node = [int(node.get("CPU", 1)) // count for node, count in zip(nodes, gpus, strict=True) if count]
            self._cpus_per_lane = max(1, min(of_node) * self.gpus_per_cell)
        else:
            if not cpus:
                raise ClusterError("No node of the Ray cluster offers a processor (`ray start --num-cpus=N`).")
            places, self._cpus_per_lane = sum(cpus), 1
        return self._jobs or places


def _differences(there: dict[str, str], here: dict[str, str]) -> str:
    """Libraries of other versions, as `vllm 0.31.0, here 0.32.0`."""
    return "; ".join(
        f"{name} {there.get(name, 'missing')}, here {here.get(name, 'missing')}"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    )


def _end_without_ray() -> None:
    """End this process as failed, at its end: threads of Ray that lost their head crash an ordinary one (SIGSEGV)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExecutorLost.exit_code)


def _answers(address: str) -> bool:
    """Whether something listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _answers_soon(address: str) -> bool:
    """Whether it does so in one of a few tries, a second apart."""
    for attempt in range(HEAD_MISSES):
        if attempt:
            time.sleep(1)
        if _answers(address):
            return True
    return False
