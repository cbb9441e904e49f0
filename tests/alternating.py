"""Timing a fast form against a peer or an oracle: both in CPU time, in turns, in one process, on one thread."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from growth import growth_exponent
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

__all__ = ["STEEPEST", "clustered", "compare", "cpu_seconds", "growth_exponent", "peak_bytes", "seconds_in_turns"]

ROUNDS = 3
STEEPEST = 1.15
"""What a kernel of one pass a pick may grow by, in its rows or in its budget; twice that where work is a square.

It holds for the sizes of the fits. Pruning and NovelSum, whose larger sizes outgrow the cache, have bounds of their own
in their benchmarks, and every exponent is held against the stored one as well (tests/growth.py).
"""


def compare(
    benchmark: BenchmarkFixture,
    ours: Callable[[], Any],
    literal: Callable[[], Any],
    *,
    floor: float,
    rounds: int = ROUNDS,
    peer: str = "its literal form",
) -> tuple[Any, Any]:
    """Results of both; records the ratio of median CPU times and asserts that it reaches `floor`."""
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    results: dict[str, Any] = {}
    with threadpool_limits(1):
        ours()  # compiled before it is timed
        for _ in range(rounds):
            # Ours before and after the peer: it is the shorter one, and a busy moment would weigh the more on it.
            for name, function in (("ours", ours), ("peer", literal), ("ours", ours)):
                started = time.process_time()
                results[name] = function()
                seconds[name].append(time.process_time() - started)
        benchmark.pedantic(ours, rounds=1)
    ratio = statistics.median(seconds["peer"]) / statistics.median(seconds["ours"])
    benchmark.extra_info["peer"] = peer
    benchmark.extra_info["ours_seconds"] = round(statistics.median(seconds["ours"]), 4)
    benchmark.extra_info["peer_seconds"] = round(statistics.median(seconds["peer"]), 4)
    benchmark.extra_info["ratio"] = round(ratio, 1)
    print(f"\n{benchmark.name}: {ratio:.1f} times as fast as {peer}")
    assert ratio >= floor
    return results["ours"], results["peer"]


def cpu_seconds(function: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median CPU seconds of `function`, one thread, after one call that compiles it."""
    seconds = []
    with threadpool_limits(1):
        function()
        for _ in range(rounds):
            started = time.process_time()
            function()
            seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def seconds_in_turns(functions: Sequence[Callable[[], Any]], rounds: int = 5) -> list[float]:
    """The least CPU seconds of each function, one thread, after one call that compiles it; for fits of growth.

    All take turns in every round, so that a busy time falls on all of them. The least, because what disturbs a run only
    ever adds to it (Chen and Revels 2016, arXiv 1608.04295): a fit over four sizes has no median to spare.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    with threadpool_limits(1):
        for function in functions:
            function()
        for _ in range(rounds):
            for place, function in enumerate(functions):
                started = time.process_time()
                function()
                seconds[place].append(time.process_time() - started)
    return [min(values) for values in seconds]


def peak_bytes(program: str) -> int:
    """The most memory a fresh Python ever held resident while it ran `program`; Linux alone can tell it honestly."""
    # The rusage of a child counts what its parent held before it began; the kernel's own high-water mark does not.
    tail = "\nimport pathlib; print(pathlib.Path('/proc/self/status').read_text())"
    done = subprocess.run([sys.executable, "-c", program + tail], capture_output=True, text=True, check=True)
    found = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    if not found:
        raise OSError("this system does not say how much memory a process held at its peak")
    return int(found[1]) * 1024


def clustered(rows: int, dimensions: int) -> np.ndarray:
    """200 Gaussians on the sphere with Zipf sizes and 5 % near duplicates: unit rows, float32."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, dimensions))
    points = centres[rng.zipf(1.3, size=rows) % 200] + 0.7 * rng.normal(size=(rows, dimensions))
    near = rng.choice(rows, size=rows // 20, replace=False)
    points[near] = points[rng.integers(rows, size=len(near))] + 1e-3 * rng.normal(size=(len(near), dimensions))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
