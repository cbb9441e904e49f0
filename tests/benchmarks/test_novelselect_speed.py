"""NovelSelect against its literal form and against one plain product, its growth and its memory. See `make bench`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from alternating import STEEPEST, clustered, compare, peak_bytes, seconds_in_turns
from growth import Growth
from oracles import first_of_largest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from strategies.kernels import novelselect, replay_novelselect
from suite.features.density import knn_density, neighbour_distances

pytestmark = pytest.mark.benchmark(timer=time.process_time)

MOST_PRODUCTS = 4
"""Of all rows and all picks in float64: the target, for the public signature as it stands."""
FULL_SIZE = """
import numpy as np, sys
sys.path.insert(0, "tests")
from alternating import clustered
from strategies.kernels import novelselect
points = clustered(52_000, 384)
novelselect(points, np.random.default_rng(0).lognormal(0, 0.2, len(points)), 7_800, first=0)
"""


def literal(rows: np.ndarray, density: np.ndarray, budget: int, first: int) -> list[int]:
    """The published form, in float64 on one core: every step sorts all distances of all rows to all picks, by torch."""
    import torch

    unit, dense = torch.from_numpy(rows.astype(np.float64)), torch.from_numpy(density)
    picks = [first]
    while len(picks) < budget:
        distances = 1.0 - unit @ unit[picks].T
        distances[distances < 1e-12] = 0.0
        scaled = torch.sort((dense[:, None] + dense[picks]) * distances, dim=1).values
        values = (scaled @ (1.0 / torch.arange(1.0, len(picks) + 1, dtype=torch.float64))).numpy()
        values[picks] = -1.0
        picks.append(first_of_largest(values))
    return picks


def numpy_literal(rows: np.ndarray, density: np.ndarray, budget: int, first: int) -> list[int]:
    """The same with numpy, whose sort takes vector instructions: the fastest literal form there is."""
    unit = rows.astype(np.float64)
    picks = [first]
    while len(picks) < budget:
        distances = 1.0 - unit @ unit[picks].T
        distances[distances < 1e-12] = 0.0
        scaled = (density[:, None] + density[picks]) * distances
        scaled.sort(axis=1)
        values = scaled @ (1.0 / np.arange(1.0, len(picks) + 1))
        values[picks] = -1.0
        picks.append(first_of_largest(values))
    return picks


@pytest.mark.parametrize(
    ("form", "floor", "peer"),
    [
        (literal, 100, "the published form, torch float64"),
        (numpy_literal, 30, "the literal form, numpy float64 with vectorised sorts"),
    ],
    ids=["torch", "numpy"],
)
def test_novelselect_against_the_literal_form(
    benchmark: BenchmarkFixture, form: Callable[..., list[int]], floor: float, peer: str
) -> None:
    points = clustered(10_000, 384)
    density = knn_density(points, points, neighbours=10, power=0.5)
    ours, expected = compare(
        benchmark,
        lambda: novelselect(points, density, 500, first=0),
        lambda: form(points, density, 500, 0),
        floor=floor,
        rounds=1,
        peer=peer,
    )
    assert ours.tolist() == expected


def test_novelselect_at_full_size_against_one_plain_product(benchmark: BenchmarkFixture) -> None:
    """52,000 rows, 7,800 picks, density given: in units of one n x budget x d product in float64."""
    points = clustered(52_000, 384)
    found = neighbour_distances(points, points, neighbours=10)
    density = (found.mean_squared + 1e-9) ** -0.5
    unit = points.astype(np.float64)
    times: dict[str, list[float]] = {"ours": [], "bounded": [], "product": []}

    def timed(name: str, function: object) -> np.ndarray:
        started = time.process_time()
        picks = function()  # type: ignore[operator]
        times[name].append(time.process_time() - started)
        return np.asarray(picks)

    def product() -> np.ndarray:
        for start in range(0, len(picks), 512):
            unit @ unit[picks[start : start + 512]].T
        return picks

    with threadpool_limits(1):
        novelselect(points[:200], density[:200], 20, first=0)  # compiled before it is timed
        for _ in range(3):  # the first of them finds memory that the system has still to hand out
            picks = timed("ours", lambda: novelselect(points, density, 7_800, first=0))
            bounded = timed("bounded", lambda: novelselect(points, density, 7_800, first=0, farthest=found.farthest))
            timed("product", product)
        benchmark.pedantic(product, rounds=1)
    assert picks.tolist() == bounded.tolist()
    assert all(replay_novelselect(points, density, picks, step).certified for step in (1, 50, 500))
    seconds = {name: statistics.median(values) for name, values in times.items()}
    benchmark.extra_info["ours_seconds"] = round(seconds["ours"], 1)
    benchmark.extra_info["with_farthest_seconds"] = round(seconds["bounded"], 1)
    benchmark.extra_info["product_seconds"] = round(seconds["product"], 1)
    products = {name: round(seconds[name] / seconds["product"], 2) for name in ("ours", "bounded")}
    benchmark.extra_info["products"] = products["ours"]
    benchmark.extra_info["products_with_farthest"] = products["bounded"]
    peak = peak_bytes(FULL_SIZE)
    benchmark.extra_info["peak_gigabytes"] = round(peak / 1e9, 2)
    print(f"\nnovelselect 52k / 7.8k: {seconds}, {products} products, {peak / 1e9:.2f} GB")
    assert seconds["ours"] < 60
    assert max(products.values()) <= MOST_PRODUCTS
    assert peak < 4e9


def test_growth_of_novelselect(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """Time in the rows and in the budget, as exponents over four sizes each."""
    rows, budgets = [4_000, 6_000, 9_000, 13_500], [300, 450, 675, 1_000]
    points = clustered(rows[-1], 128)
    density = knn_density(points, points, neighbours=10, power=0.5)
    of_rows = [partial(novelselect, points[:n], density[:n], 400, first=0) for n in rows]
    of_budgets = [partial(novelselect, points, density, k, first=0) for k in budgets]
    in_rows = growth.record("rows", rows, seconds_in_turns(of_rows))
    in_budget = growth.record("budget", budgets, seconds_in_turns(of_budgets))
    benchmark.pedantic(of_budgets[-1], rounds=1)
    assert max(in_rows, in_budget) <= STEEPEST
