"""Facility location picks what its literal form picks, in order, however its gains are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import oracles
import pytest
from clouds import budgets, clouds
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import CosineSimilarity, NeighbourSimilarity, facility_location

CASES = 200
IN_MEMORY = 2**30


def qualities(rows: int) -> st.SearchStrategy[np.ndarray | None]:
    """No quality, a rising one, one over sixteen powers of ten, or one that is mostly 0."""
    rising, wide = np.linspace(0, 2, rows), np.linspace(0.01, 1, rows) ** 8
    return st.sampled_from([None, rising, wide, (np.arange(rows) % 3 == 0).astype(float)])


@settings(max_examples=CASES, deadline=None)
@given(points=clouds(), data=st.data())
def test_a_kernel_in_memory(points: np.ndarray, data: st.DataObject) -> None:
    budget, quality = data.draw(budgets(len(points))), data.draw(qualities(len(points)))
    kernel = np.maximum(oracles.cosine_kernel(points), 0.0).astype(points.dtype)
    expected = oracles.facility_location(kernel, budget, quality)
    assert facility_location(kernel, budget, quality=quality).tolist() == expected


@pytest.mark.parametrize("memory", [0, 4000, IN_MEMORY], ids=["single rows", "blocks", "ceilings"])
@settings(max_examples=CASES, deadline=None)
@given(points=clouds(), data=st.data())
def test_embeddings_in_any_memory(memory: int, points: np.ndarray, data: st.DataObject) -> None:
    budget, quality = data.draw(budgets(len(points))), data.draw(qualities(len(points)))
    picks = facility_location(CosineSimilarity(points, memory), budget, quality=quality)
    assert picks.tolist() == oracles.facility_location(oracles.cosine_kernel(points), budget, quality)


@settings(max_examples=CASES, deadline=None)
@given(points=clouds(max_rows=40), neighbours=st.sampled_from([1, 3, 10, 100]), data=st.data())
def test_a_sparse_kernel(points: np.ndarray, neighbours: int, data: st.DataObject) -> None:
    budget, quality = data.draw(budgets(len(points))), data.draw(qualities(len(points)))
    picks = facility_location(NeighbourSimilarity(points, neighbours), budget, quality=quality)
    kernel = oracles.nearest_kernel(points, neighbours)
    assert picks.tolist() == oracles.facility_location(kernel, budget, quality)


WAYS: dict[str, Callable[[np.ndarray], np.ndarray | CosineSimilarity | NeighbourSimilarity]] = {
    "kernel": lambda points: np.maximum(oracles.cosine_kernel(points), 0.0),
    "ceilings": CosineSimilarity,
    "blocks": lambda points: CosineSimilarity(points, 4000),
    "neighbours": lambda points: NeighbourSimilarity(points, 5),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS)


@EVERY_WAY
@settings(max_examples=CASES, deadline=None)
@given(points=clouds(), worth=st.sampled_from([1e-300, 1e-14, 1e-12, 0.3, 1e6, 1e300]), data=st.data())
def test_a_quality_that_is_the_same_for_all_changes_nothing(
    way: str, points: np.ndarray, worth: float, data: st.DataObject
) -> None:
    budget, similarity = data.draw(budgets(len(points))), WAYS[way](points)
    picks = facility_location(similarity, budget, quality=np.full(len(points), worth))
    assert np.array_equal(picks, facility_location(similarity, budget))


@EVERY_WAY
@settings(max_examples=CASES, deadline=None)
@given(points=clouds(), scale=st.sampled_from([2.0**-300, 2.0**-40, 2.0**20, 2.0**300, 1e6]), data=st.data())
def test_the_scale_of_a_quality_does_not_matter(
    way: str, points: np.ndarray, scale: float, data: st.DataObject
) -> None:
    budget, similarity = data.draw(budgets(len(points))), WAYS[way](points)
    quality = data.draw(st.sampled_from([1, 2, 8])) * np.linspace(0.01, 1, len(points)) ** data.draw(
        st.sampled_from([0.5, 1, 8])
    )
    picks = facility_location(similarity, budget, quality=scale * quality)
    assert np.array_equal(picks, facility_location(similarity, budget, quality=quality))


@EVERY_WAY
def test_samples_of_little_quality_are_still_told_apart(way: str) -> None:
    """A third is worth less than 1e-12: an absolute tie of that would go through them in the order of the pool."""
    points = clustered_points()[:60]
    picks = facility_location(WAYS[way](points), 60, quality=np.geomspace(1e-20, 1, 60)).tolist()
    tail = [row for row in picks if row < 20]
    assert tail != sorted(tail)


def clustered_points() -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 24))[rng.integers(40, size=900)] + 0.4 * rng.normal(size=(900, 24))
    points = np.concatenate([points, points[:60]])
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_all_ways_agree_at_a_larger_size() -> None:
    points = clustered_points()
    expected = oracles.facility_location(oracles.cosine_kernel(points), 300)
    for memory in (0, 2**20, 2**21, IN_MEMORY):
        assert facility_location(CosineSimilarity(points, memory), 300).tolist() == expected
    assert facility_location(oracles.cosine_kernel(points), 300).tolist() == expected


def test_with_all_as_neighbours_the_sparse_kernel_is_the_whole_one() -> None:
    points = clustered_points()[:200]
    whole = facility_location(CosineSimilarity(points), 80)
    assert np.array_equal(facility_location(NeighbourSimilarity(points, 10**6), 80), whole)
    assert not np.array_equal(facility_location(NeighbourSimilarity(points, 5), 80), whole)


@pytest.mark.parametrize("similarity", [CosineSimilarity, lambda points: NeighbourSimilarity(points, 10)])
def test_what_is_measured_before_the_first_pick_is_told(
    similarity: Callable[[np.ndarray], CosineSimilarity | NeighbourSimilarity],
) -> None:
    points = clustered_points()
    told: list[tuple[str, int, int]] = []
    facility_location(
        similarity(points),
        3,
        prepared=lambda done, total: told.append(("rows", done, total)),
        progress=lambda done, total: told.append(("picks", done, total)),
    )
    rows = [("rows", done, 960) for done in (256, 512, 768, 960)]
    assert told == [*rows, *(("picks", done, 3) for done in (1, 2, 3))]


@pytest.mark.parametrize("way", ["kernel", "ceilings", "blocks", "neighbours"])
def test_progress_rises_to_the_budget_and_may_stop_it(way: str) -> None:
    points = clustered_points()[:200]
    similarity = {
        "kernel": oracles.cosine_kernel(points),
        "ceilings": CosineSimilarity(points),
        "blocks": CosineSimilarity(points, 2**14),
        "neighbours": NeighbourSimilarity(points, 10),
    }[way]
    seen: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        facility_location(similarity, 100, progress=interrupt)
    assert seen == sorted(seen)
    assert seen[-1][0] < 100
    facility_location(similarity, 20, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20)
