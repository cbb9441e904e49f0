"""Which metrics see more unique information where there is more by construction, and which do not: asserted both ways.

The table says of each metric and pair whether it is ordered right in all worlds, in none, or in some. A metric that
comes to do better fails here as well as one that does worse: then the table and docs/results/simulated-worlds.md are
to be mended.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from simulated_worlds import GENTLE, METRICS, PAIRS, PICKS, STEEP, WORLDS, World, plane_world, right, worlds

from suite.diversity.novelty import novelsum
from suite.registry import metrics

ALL, NONE, SOME = "right in all", "right in none", "right in some"
MARKS = {"+": ALL, "-": NONE, "~": SOME}
# A column a pair of PAIRS: duplicated < random; A < B; B < C; A < C; outliers < C, with A two clusters, B even over the
# plane, C spread by density.
IN_GENTLE_WORLDS = {
    "novelsum": "~++++",
    "novelsum:density_power=0": "~+++-",
    "novelsum:density_power=1": "~++++",
    "novelsum:distance_power=0": "~++++",
    "novelsum:distance_power=2": "+++++",
    "novelsum:neighbours=1": "~++++",
    "novelsum:neighbours=100": "~++++",
    "dist-sum-cosine": "~+++-",
    "dist-sum-l2": "~+++-",
    "knn-distance": "+++++",
    "radius": "~+++~",
    "log-det": "~+++~",
    "vendi": "~+++-",
    "cluster-inertia": "+++++",
    "facility-location": "+++++",
    "partition-entropy": "+++++",
}
IN_STEEP_WORLDS = {
    "novelsum": "~-+++",
    "novelsum:density_power=0": "~+-+-",
    "novelsum:density_power=1": "~-+-+",
    "novelsum:distance_power=0": "~-+-+",
    "novelsum:distance_power=2": "~++++",
    "novelsum:neighbours=1": "~-+~+",
    "novelsum:neighbours=100": "~-+++",
    "dist-sum-cosine": "~+-+-",
    "dist-sum-l2": "~+-+-",
    "knn-distance": "++-+~",
    "radius": "~+-+-",
    "log-det": "++-+-",
    "vendi": "++-+-",
    "cluster-inertia": "++-++",
    "facility-location": "+++++",
    "partition-entropy": "+++++",
}


@cache
def gentle() -> list[World]:
    """Clusters twice as crowded as their surroundings."""
    return worlds(GENTLE)


@cache
def steep() -> list[World]:
    """Clusters far more crowded than their surroundings."""
    return worlds(STEEP)


def verdict(spec: str, pair: tuple[str, str], of: list[World]) -> str:
    count = right(metrics.parse(spec), *pair, of)
    return ALL if count == WORLDS else SOME if count else NONE


def test_the_table_is_about_every_embedding_metric() -> None:
    assert set(IN_GENTLE_WORLDS) == set(IN_STEEP_WORLDS) == set(METRICS)
    embedding = {
        cls.info.name for cls in metrics if hasattr(cls, "view") and "embedding" in cls.__mro__[1].__name__.lower()
    }
    # The same formula as dist-sum-cosine.
    assert embedding - {"embedding-distance"} == {spec.partition(":")[0] for spec in METRICS}


@pytest.mark.parametrize("spec", METRICS)
@pytest.mark.parametrize("made", [gentle, steep], ids=["gentle", "steep"])
def test_where_each_metric_is_right_and_where_it_fails(spec: str, made: object) -> None:
    table, of = (IN_GENTLE_WORLDS, gentle()) if made is gentle else (IN_STEEP_WORLDS, steep())
    found = [verdict(spec, pair, of) for pair in PAIRS]
    assert found == [MARKS[mark] for mark in table[spec]]


def test_novelsum_orders_the_scenarios_of_its_paper_where_density_differs_little() -> None:
    """A < B < C; and selections of outliers, which every sum of distances likes best, come below B."""
    metric = metrics.parse("novelsum")
    for world in gentle():
        assert world.contrast < 2
        scenario = [world.measure(metric, name) for name in ("two clusters", "even", "spread by density")]
        assert scenario == sorted(scenario)
        assert world.measure(metric, "outliers") < scenario[1]


def test_where_density_differs_much_novelsum_prefers_two_crowded_clusters_to_the_whole_plane() -> None:
    """Its weight grows as the square root of the plane's density (the d-th root in d dimensions): no bound on it."""
    metric = metrics.parse("novelsum")
    for world in steep():
        assert world.contrast > 6
        assert world.measure(metric, "two clusters") > 1.2 * world.measure(metric, "even")
        half = metrics.parse("novelsum:density_power=0.25")
        assert world.measure(half, "two clusters") < world.measure(half, "even")


def test_copies_cost_novelsum_the_weight_of_their_ranks_and_no_more() -> None:
    """Equal distances everywhere (an orthogonal frame): t copies of each of N / t rows leave 1 - H_t / H_N of it."""
    frame = np.eye(PICKS)
    copies = np.tile(frame[: PICKS // 10], (10, 1))
    harmonic = np.cumsum(1 / np.arange(1, PICKS + 1))
    assert novelsum(frame, None, density_power=0) == pytest.approx(1 - 1 / harmonic[-1])
    assert novelsum(copies, None, density_power=0) == pytest.approx(1 - harmonic[9] / harmonic[-1])


def test_one_row_among_near_duplicates_can_outweigh_all_copies() -> None:
    """Near duplicates are not equal rows: their density has no bound but 1e-9, and a mean of it follows one row."""
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(400, 32))
    pool[1:12] = pool[0] + 1e-5 * rng.normal(size=(11, 32))
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    rest = 12 + rng.permutation(388)
    varied, copied = rest[:100], np.tile(np.append(rest[:9], 0), 10)
    assert novelsum(pool[copied], pool) > 100 * novelsum(pool[varied], pool)
    assert novelsum(pool[copied], pool, density_power=0) < 0.8 * novelsum(pool[varied], pool, density_power=0)


def test_the_worlds_are_what_they_say() -> None:
    world = plane_world(3, **GENTLE)
    assert np.linalg.norm(world.unit, axis=1) == pytest.approx(1)
    for name, rows in world.selections.items():
        assert len(rows) == PICKS
        assert len(set(rows.tolist())) == (PICKS // 10 if name == "duplicated" else PICKS), name
    again = plane_world(3, **GENTLE)
    assert all((again.selections[name] == rows).all() for name, rows in world.selections.items())
