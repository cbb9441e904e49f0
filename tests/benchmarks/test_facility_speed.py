"""Facility location against apricot and submodlib, its literal form and itself at other sizes.

The kernel is given to all: computing it is no part of what is timed.
"""

from __future__ import annotations

import time
from functools import cache, partial

import numpy as np
import oracles
import pytest
from alternating import STEEPEST, clustered, compare, peak_bytes, seconds_in_turns
from growth import Growth
from pytest_benchmark.fixture import BenchmarkFixture

from strategies.kernels import CosineSimilarity, NeighbourSimilarity, facility_location

pytestmark = pytest.mark.benchmark(timer=time.process_time)
MISSING = "not installed; the peers of `make bench` come with: pip install 'breadth[bench]'"
ROWS, BUDGET = 3_000, 300
MANY_ROWS, FEWER = 5_000, 200


@cache
def kernel(rows: int) -> np.ndarray:
    """(1 + cosine) / 2 of clustered points, float64, symmetric to the last bit."""
    points = clustered(rows, 384).astype(np.float64)
    similarity = np.maximum(0.5 + 0.5 * (points @ points.T), 0.0)
    return np.asarray(np.minimum(similarity, similarity.T))


def value(similarity: np.ndarray, picks: np.ndarray | list[int]) -> float:
    """The objective: summed similarity of all rows to their nearest pick."""
    return float(similarity[:, picks].max(axis=1).sum())


def test_against_apricot(benchmark: BenchmarkFixture) -> None:
    apricot = pytest.importorskip("apricot", reason=f"apricot-select is {MISSING}")
    similarity = kernel(ROWS)

    def peer() -> list[int]:
        model = apricot.FacilityLocationSelection(BUDGET, metric="precomputed", optimizer="lazy")
        return [int(row) for row in model.fit(similarity).ranking]

    ours, theirs = compare(
        benchmark, lambda: facility_location(similarity, BUDGET), peer, floor=20, peer="apricot, lazy"
    )
    assert ours.tolist() == theirs


def test_against_submodlib(benchmark: BenchmarkFixture) -> None:
    """Both wait for memory here, so the ratio moves by a tenth with what else runs on the machine."""
    submodlib = pytest.importorskip("submodlib", reason=f"submodlib-py is {MISSING}")
    similarity = kernel(MANY_ROWS).astype(np.float32)

    def peer() -> list[int]:
        function = submodlib.FacilityLocationFunction(n=MANY_ROWS, mode="dense", sijs=similarity, separate_rep=False)
        picks = function.maximize(
            budget=FEWER,
            optimizer="LazyGreedy",
            stopIfZeroGain=False,
            stopIfNegativeGain=False,
            show_progress=False,
        )
        return [row for row, _ in picks]

    ours, theirs = compare(
        benchmark, lambda: facility_location(similarity, FEWER), peer, floor=30, peer="submodlib, LazyGreedy"
    )
    # Its gains are float32: picks of equal worth may differ, their worth may not.
    assert value(similarity, ours) == pytest.approx(value(similarity, theirs), rel=1e-6)


def test_against_the_literal_form(benchmark: BenchmarkFixture) -> None:
    similarity = kernel(1_500)
    ours, literal = compare(
        benchmark,
        lambda: facility_location(similarity, 100),
        lambda: oracles.facility_location(similarity, 100),
        floor=50,
    )
    assert ours.tolist() == literal


@pytest.mark.parametrize("memory", [2**30, 2**23], ids=["ceilings", "blocks"])
def test_of_embeddings(benchmark: BenchmarkFixture, memory: int) -> None:
    points = clustered(1_500, 128)

    def literal() -> list[int]:
        similarity = 0.5 + 0.5 * (points.astype(np.float64) @ points.astype(np.float64).T)
        return oracles.facility_location(similarity, 100)

    ours, expected = compare(
        benchmark, lambda: facility_location(CosineSimilarity(points, memory), 100), literal, floor=5
    )
    assert ours.tolist() == expected


def test_memory_beyond_the_kernel(benchmark: BenchmarkFixture) -> None:
    """Blocks and lists at 12,000 rows, where a float32 kernel has 576 MB: what a process held beyond its start."""
    start = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import numpy as np\n"
        "from alternating import clustered\n"
        "from strategies.kernels import CosineSimilarity, facility_location\n"
        "points = clustered(12_000, 64)\n"
        "facility_location(CosineSimilarity(points[:500], 0), 5)\n"
    )
    run = "facility_location(CosineSimilarity(points, 100 * 2**20), 500)\n"
    used = benchmark.pedantic(lambda: peak_bytes(start + run), rounds=1) - peak_bytes(start)
    benchmark.extra_info["peak_bytes_beyond_start"] = used
    print(f"\nfacility location of 12,000 rows in blocks: {used / 1e6:.0f} MB")
    assert used < 200e6


def test_growth_of_facility_location(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """Time in the entries of the kernel and in the budget, as exponents."""
    rows, budgets = [2_000, 2_600, 3_400, 4_400], [50, 100, 200, 400]
    whole = kernel(rows[-1]).astype(np.float32)
    kernels = [np.ascontiguousarray(whole[:n, :n]) for n in rows]
    of_kernels = [partial(facility_location, given, 100) for given in kernels]
    of_budgets = [partial(facility_location, whole, k) for k in budgets]
    in_entries = growth.record("entries", [n * n for n in rows], seconds_in_turns(of_kernels))
    in_budget = growth.record("budget", budgets, seconds_in_turns(of_budgets))
    benchmark.pedantic(lambda: facility_location(whole, budgets[-1]), rounds=1)
    assert in_entries <= STEEPEST
    assert in_budget <= 1.0


def test_a_sparse_kernel_against_the_whole_one(benchmark: BenchmarkFixture) -> None:
    """What the approximation saves, and what it costs of the objective."""
    points = clustered(6_000, 128)
    sparse, exact = compare(
        benchmark,
        lambda: facility_location(NeighbourSimilarity(points, 64), 600),
        lambda: facility_location(CosineSimilarity(points, 2**26), 600),
        floor=1,
        peer="exact, in blocks",
    )
    similarity = 0.5 + 0.5 * (points.astype(np.float64) @ points.astype(np.float64).T)
    share = value(similarity, sparse) / value(similarity, exact)
    benchmark.extra_info["share_of_exact_value"] = round(share, 4)
    assert 0.95 < share <= 1.0
