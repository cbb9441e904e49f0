"""Each fast kernel against its literal form: both timed in CPU time, in turns, in one process, on one thread.

Run by `make bench`. The ratio stands in the table's extra columns and must reach the floor named in the test; the
picks must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import oracles
import pytest
from alternating import STEEPEST, clustered, compare, seconds_in_turns
from growth import Growth
from pytest_benchmark.fixture import BenchmarkFixture

from strategies.kernels import farthest, k_center, repr_filter
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


def incremental_farthest(embeddings: np.ndarray, budget: int, first: int) -> list[int]:
    """The usual numpy form: one product a pick and a running sum."""
    rows = embeddings.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sums = np.zeros(len(rows))
    picks = [first]
    while len(picks) < budget:
        sums += 1.0 - rows @ rows[picks[-1]]
        sums[picks] = -1.0
        picks.append(oracles.first_of_largest(sums))
    return picks


def test_farthest_against_numpy_incremental(benchmark: BenchmarkFixture) -> None:
    points = clustered(10_000, 384)
    ours, literal = compare(
        benchmark,
        lambda: farthest(points, 500, first=0),
        lambda: incremental_farthest(points, 500, 0),
        floor=1,
        peer="numpy, sums kept",
    )
    assert same(ours, literal)


def row_by_row_filter(embeddings: np.ndarray, budget: int, threshold: float) -> list[int]:
    """The usual numpy form: each row of the walk against all accepted ones."""
    rows = embeddings.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    accepted = [0]
    for row in range(1, len(rows)):
        if len(accepted) < budget and (rows[accepted] @ rows[row]).max() < threshold:
            accepted.append(row)
    return accepted


def test_repr_filter_against_numpy_row_by_row(benchmark: BenchmarkFixture) -> None:
    points = clustered(4_000, 256)
    (rows, accepted), literal = compare(
        benchmark,
        lambda: repr_filter(points, 2_000, order=np.arange(len(points)), threshold=0.8),
        lambda: row_by_row_filter(points, 2_000, 0.8),
        floor=5,
        rounds=1,
        peer="numpy, row by row",
    )
    assert same(rows[:accepted], literal)


def test_growth_of_k_center(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """Time in the rows and in the budget, as exponents; one pass a pick would be 1, and larger rows leave the cache."""
    rows, budgets = [4_000, 6_000, 9_000, 13_500], [100, 160, 250, 400]
    points = clustered(rows[-1], 128)
    of_rows = [partial(k_center, points[:n], 150, first=0) for n in rows]
    of_budgets = [partial(k_center, points, k, first=0) for k in budgets]
    in_rows = growth.record("rows", rows, seconds_in_turns(of_rows))
    in_budget = growth.record("budget", budgets, seconds_in_turns(of_budgets))
    benchmark.pedantic(lambda: k_center(points, budgets[-1], first=0), rounds=1)
    assert max(in_rows, in_budget) <= STEEPEST


def test_growth_of_farthest(benchmark: BenchmarkFixture, growth: Growth) -> None:
    rows, budgets = [4_000, 6_000, 9_000, 13_500], [100, 160, 250, 400]
    points = clustered(rows[-1], 128)
    growth.record("rows", rows, seconds_in_turns([partial(farthest, points[:n], 150, first=0) for n in rows]))
    growth.record("budget", budgets, seconds_in_turns([partial(farthest, points, k, first=0) for k in budgets]))
    benchmark.pedantic(lambda: farthest(points, budgets[-1], first=0), rounds=1)


def test_growth_of_repr_filter(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """Time in the rows walked over, a budget that none reaches: the square at worst."""
    rows = [2_000, 3_000, 4_500, 6_750]
    points = clustered(rows[-1], 128)

    def walk(count: int) -> object:
        return repr_filter(points[:count], count, order=np.arange(count), threshold=0.8)

    benchmark.pedantic(lambda: walk(rows[0]), rounds=1)
    assert growth.record("rows", rows, seconds_in_turns([partial(walk, n) for n in rows])) <= 2 * STEEPEST


def test_growth_of_density(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """Time in the rows: all pairs."""
    rows = [2_000, 3_000, 4_500, 6_750]
    points = clustered(rows[-1], 128)

    def density(count: int) -> object:
        return knn_density(points[:count], points[:count], neighbours=10, power=0.5)

    benchmark.pedantic(lambda: density(rows[0]), rounds=1)
    assert growth.record("rows", rows, seconds_in_turns([partial(density, n) for n in rows])) <= 2 * STEEPEST


def test_density(benchmark: BenchmarkFixture) -> None:
    points = clustered(2_000, 128)
    ours, literal = compare(
        benchmark,
        lambda: knn_density(points, points, neighbours=10, power=0.5),
        lambda: oracles.knn_density(points, points, 10, 0.5),
        floor=20,
    )
    assert ours == pytest.approx(literal, rel=1e-9)


def test_density_against_scikit_learn(benchmark: BenchmarkFixture) -> None:
    """Its brute-force neighbours in the same precision, which keep no digits near duplicates and count copies."""
    from sklearn.neighbors import NearestNeighbors

    points = clustered(10_000, 256)

    def peer() -> np.ndarray:
        model = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(points)
        distances, _ = model.kneighbors(points)
        return np.asarray((np.square(distances[:, 1:]).mean(axis=1) + 1e-9) ** -0.5)

    ours, theirs = compare(
        benchmark,
        lambda: knn_density(points, points, neighbours=10, power=0.5),
        peer,
        floor=1.0,
        peer="scikit-learn, brute force",
    )
    assert np.median(np.abs(ours / theirs - 1)) < 1e-4
