"""Each fast kernel against its literal form: both timed in CPU time, in turns, in one process, on one thread.

Run by `make bench`. The ratio stands in the table's extra columns and must reach the floor named in the test; the
picks must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import oracles
import pytest
from alternating import ROUNDS, clustered, compare
from pytest_benchmark.fixture import BenchmarkFixture

from strategies.kernels import CosineSimilarity, facility_location, k_center, reverse_greedy_prune
from suite.features.density import knn_density

pytestmark = pytest.mark.benchmark(timer=time.process_time)


def incremental_k_center(embeddings: np.ndarray, budget: int, first: int) -> list[int]:
    """The usual numpy form: one product a pick and a running minimum."""
    rows = embeddings.astype(np.float64)
    nearest = np.full(len(rows), np.inf)
    picks = [first]
    while len(picks) < budget:
        np.minimum(nearest, 1.0 - rows @ rows[picks[-1]], out=nearest)
        nearest[picks] = -1.0
        picks.append(oracles.first_of_largest(nearest))
    return picks


def same(ours: np.ndarray, literal: Sequence[int]) -> bool:
    return bool(ours.tolist() == list(literal))


def test_k_center_against_numpy_incremental(benchmark: BenchmarkFixture) -> None:
    points = clustered(10_000, 384)
    ours, literal = compare(
        benchmark,
        lambda: k_center(points, 500, first=0),
        lambda: incremental_k_center(points, 500, 0),
        floor=5,
    )
    assert same(ours, literal)


def test_facility_location_against_the_literal_form(benchmark: BenchmarkFixture) -> None:
    points = clustered(2_000, 128).astype(np.float64)
    kernel = np.maximum(0.5 + 0.5 * (points @ points.T), 0.0).astype(np.float32)
    ours, literal = compare(
        benchmark,
        lambda: facility_location(kernel, 100),
        lambda: oracles.facility_location(kernel, 100),
        floor=20,
    )
    assert same(ours, literal)


@pytest.mark.parametrize("memory", [2**30, 2**22], ids=["kernel in 16 bits", "lists and blocks"])
def test_facility_location_of_embeddings(benchmark: BenchmarkFixture, memory: int) -> None:
    points = clustered(2_000, 128)

    def literal() -> list[int]:
        kernel = 0.5 + 0.5 * (points.astype(np.float64) @ points.astype(np.float64).T)
        return oracles.facility_location(kernel, 100)

    ours, expected = compare(
        benchmark, lambda: facility_location(CosineSimilarity(points, memory), 100), literal, floor=5
    )
    assert same(ours, expected)


def test_pruning_types(benchmark: BenchmarkFixture) -> None:
    samples = zipf_samples(4_000, 10, 600)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, 400),
        lambda: oracles.prune_types(as_lists(samples), 400),
        floor=50,
    )
    assert same(ours, literal)


def test_pruning_samples(benchmark: BenchmarkFixture) -> None:
    samples = zipf_samples(500, 6, 200)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, 50, unit="sample"),
        lambda: oracles.prune_samples(as_lists(samples), 50),
        floor=50,
    )
    assert same(ours, literal)


@pytest.mark.parametrize("unit", ["type", "sample"])
def test_pruning_at_full_size(benchmark: BenchmarkFixture, unit: str) -> None:
    """117,000 samples, 2.9 million incidences: 0.2 s at most."""
    samples = zipf_samples(117_000, 25, 15_000)
    reverse_greedy_prune(samples, 1_000, unit=unit)  # type: ignore[arg-type]
    benchmark.pedantic(lambda: reverse_greedy_prune(samples, 1_000, unit=unit), rounds=ROUNDS)  # type: ignore[arg-type]
    assert benchmark.stats.stats.min < 0.2


def test_density(benchmark: BenchmarkFixture) -> None:
    points = clustered(2_000, 128)
    ours, literal = compare(
        benchmark,
        lambda: knn_density(points, points, neighbours=10, power=0.5),
        lambda: oracles.knn_density(points, points, 10, 0.5),
        floor=20,
    )
    assert ours == pytest.approx(literal, rel=1e-9)


def zipf_samples(count: int, held: int, types: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.zipf(1.3, size=count * held) % types, np.arange(count + 1) * held


def as_lists(samples: tuple[np.ndarray, np.ndarray]) -> list[list[int]]:
    flat, offsets = samples
    return [flat[start:stop].tolist() for start, stop in pairwise(offsets)]
