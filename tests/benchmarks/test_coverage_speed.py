"""Coverage by decremental gains against naive passes over bitsets, its growth, and its memory at full size.

Run by `make bench`: both sides in CPU time, in turns, in one process, on one thread; the picks must be the same.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import oracles
import pytest
from alternating import STEEPEST, compare, seconds_in_turns
from growth import Growth
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from strategies.kernels import max_coverage, weighted_coverage

pytestmark = pytest.mark.benchmark(timer=time.process_time)

SAMPLES = 52_002
LAYERS, WIDTH = 28, 8192
"""Of Llama-3.2-3B: 229,376 neurons."""


def states(rows: int, layers: int, width: int, density: float) -> np.ndarray:
    """Sets of one size that prefer some neurons, as real ones do: half from one of 200 topics, half from all."""
    return np.asarray(_states(rows, layers, width, max(1, round(density * width))))


@njit
def _states(rows: int, layers: int, width: int, kept: int) -> np.ndarray:
    np.random.seed(0)
    topics = np.random.randint(0, width, (200, layers, 3 * kept))
    seen = np.full(width, -1, dtype=np.int64)
    found = np.empty((rows, layers * kept), dtype=np.uint32)
    for row in range(rows):
        topic = int(200 * np.random.random() ** 3)
        for layer in range(layers):
            mark = row * layers + layer
            count = 0
            while count < kept:
                if np.random.random() < 0.5:
                    neuron = topics[topic, layer, np.random.randint(3 * kept)]
                else:
                    neuron = int(width * np.random.random() ** 2)
                if seen[neuron] != mark:
                    seen[neuron] = mark
                    count += 1
            found[row, layer * kept : (layer + 1) * kept] = layer * width + np.flatnonzero(seen == mark)
    return found


def naive(rows: np.ndarray, budget: int, round_gain: float, neurons: int) -> list[int]:
    """Every gain by one pass over packed bits in every step, in numpy."""
    bits = np.zeros((len(rows), (neurons + 63) // 64), dtype=np.uint64)
    for row, held in enumerate(rows):
        np.bitwise_or.at(bits[row], held // 64, np.uint64(1) << (held % 64).astype(np.uint64))
    covered = np.zeros(bits.shape[1], dtype=np.uint64)
    picks: list[int] = []
    fresh = True
    while len(picks) < budget:
        gains = np.bitwise_count(bits & ~covered).sum(axis=1, dtype=np.int64)
        gains[picks] = -1
        if gains.max() < round_gain * rows.shape[1] and not fresh:
            covered[:] = 0
            fresh = True
            continue
        picks.append(int(gains.argmax()))
        covered |= bits[picks[-1]]
        fresh = False
    return picks


@pytest.mark.parametrize(("density", "floor"), [(0.07, 5.0), (0.03, 10.0), (0.01, 15.0)])
def test_coverage_against_naive_bitset_passes(benchmark: BenchmarkFixture, density: float, floor: float) -> None:
    layers, width = 4, 2048
    rows = states(4_000, layers, width, density)
    ours, literal = compare(
        benchmark,
        lambda: max_coverage(rows, 400, round_gain=0.01),
        lambda: naive(rows, 400, 0.01, layers * width),
        floor=floor,
        peer="naive bitset passes",
    )
    assert ours.tolist() == literal


def test_growth_of_coverage(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """The budget grows along: 15 % of the samples."""
    sizes = [2_000, 4_000, 8_000, 16_000]
    made = states(sizes[-1], 4, 2048, 0.02)
    seconds = seconds_in_turns([partial(max_coverage, made[:n], n * 15 // 100, round_gain=0.01) for n in sizes])
    benchmark.pedantic(lambda: max_coverage(made[:2_000], 300, round_gain=0.01), rounds=1)
    exponent = growth.record("rows with the budget", sizes, seconds)
    assert exponent <= 2 * STEEPEST


def naive_weighted(rows: np.ndarray, budget: int, weights: np.ndarray) -> list[int]:
    """The square-root form with a dense matrix: every gain by one product in every step, in numpy."""
    holds = np.zeros((len(rows), len(weights)))
    holds[np.arange(len(rows))[:, None], rows] = 1.0
    counts = np.zeros(len(weights))
    taken = np.zeros(len(rows), dtype=bool)
    picks: list[int] = []
    while len(picks) < budget:
        gains = holds @ (weights / (np.sqrt(counts) + np.sqrt(counts + 1)))
        gains[taken] = -1.0
        picks.append(oracles.first_of_largest(gains))
        taken[picks[-1]] = True
        counts += holds[picks[-1]]
    return picks


def test_weighted_coverage_against_one_product_a_pick(benchmark: BenchmarkFixture) -> None:
    layers, width = 4, 1024
    rows = states(4_000, layers, width, 0.01)
    weights = np.random.default_rng(0).uniform(0.1, 1.0, layers * width)
    ours, literal = compare(
        benchmark,
        lambda: weighted_coverage(rows, 400, weights=weights, growth="sqrt"),
        lambda: naive_weighted(rows, 400, weights),
        floor=100.0,
        peer="one product of a dense matrix a pick",
    )
    assert ours.tolist() == literal


def test_growth_of_weighted_coverage(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """The budget grows along: 15 % of the samples."""
    sizes = [2_000, 4_000, 8_000, 16_000]
    made = states(sizes[-1], 4, 1024, 0.01)
    calls = [partial(weighted_coverage, made[:n], n * 15 // 100, growth="sqrt") for n in sizes]
    seconds = seconds_in_turns(calls)
    benchmark.pedantic(calls[0], rounds=1)
    exponent = growth.record("rows with the budget", sizes, seconds)
    assert exponent <= 2 * STEEPEST


@pytest.mark.parametrize("with_scores", [False, True], ids=["lower row of ties", "larger z-sum of ties"])
def test_coverage_at_full_size(benchmark: BenchmarkFixture, with_scores: bool) -> None:
    """52,002 samples, 229,376 neurons, 1 %, 7,800 picks: 60 s and 3.5 GB at most, in a process of its own."""
    program = [sys.executable, __file__, str(SAMPLES), "scores" if with_scores else "none"]
    paths = [str(folder) for folder in (Path(__file__).parents[1], Path(__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    seconds, gigabytes = map(float, done.stdout.split())
    benchmark.pedantic(lambda: None, rounds=1)
    benchmark.extra_info.update(ours_seconds=seconds, peak_gigabytes=gigabytes)
    print(f"\n52,002 samples: {seconds:.1f} s of CPU, peak {gigabytes:.2f} GB with the states themselves")
    assert seconds < 60
    assert gigabytes < 3.5


if __name__ == "__main__":
    samples = int(sys.argv[1])
    whole = states(samples, LAYERS, WIDTH, 0.01)
    z = None
    if sys.argv[2] == "scores":
        z = np.resize(np.random.default_rng(0).gamma(2.0, size=100_000).astype(np.float16), whole.shape)
    max_coverage(whole[:10], 2, round_gain=0.01, scores=None if z is None else z[:10])
    started = time.process_time()
    max_coverage(whole, samples * 15 // 100, round_gain=0.01, scores=z)
    print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
