"""A real Ray cluster on this machine: a head without processors, and nodes of so many processors and GPUs each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@contextmanager
def running_cluster(nodes: int, *, processors: int = 1, gpus: int = 0) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster`; GPUs are what a node is told it has: Ray hands them out without a look at them."""
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    # Nodes read the environment they are started in.
    os.environ |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_MEMORY_MONITOR": "1",
        # Ray runs its workers at nice 15: on a machine that is busy with other tests they would starve.
        "RAY_worker_niceness": "0",
    }
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "object_store_memory": 80 * 2**20},
    )
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=processors, num_gpus=gpus, object_store_memory=80 * 2**20)
        yield cluster
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)
