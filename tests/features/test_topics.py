"""Topics: clusters that are there are found, noise is -1, and small or odd pools give no surprise."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import FeatureError
from suite.features import Topics, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.features.topics import density_clusters, pca_reduction, umap_reduction
from suite.microworld import world
from suite.pool import Pool, pool_from_records


def directions(seed: int, sizes: tuple[int, ...], spread: float = 0.05, dimensions: int = 12) -> np.ndarray:
    """Unit rows in bundles around random directions, one bundle for each size."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), dimensions))
    rows = np.repeat(centres / np.linalg.norm(centres, axis=1, keepdims=True), sizes, axis=0)
    rows = rows + spread * rng.normal(size=rows.shape) / np.sqrt(dimensions)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_bundles_are_topics_from_the_largest_down() -> None:
    rows = directions(0, (30, 80, 50))
    found = density_clusters(pca_reduction(rows, 5), min_cluster_size=10, min_samples=1)
    assert found.dtype == np.int64
    truth = np.repeat([2, 0, 1], [30, 80, 50])
    kept = found >= 0
    assert kept.mean() > 0.9
    assert (found[kept] == truth[kept]).all()
    assert np.bincount(found[kept]).tolist() == sorted(np.bincount(found[kept]).tolist(), reverse=True)


def test_what_lies_alone_is_noise() -> None:
    # Two bundles near each other, and too few in other directions: these join neither before the two would join.
    rng = np.random.default_rng(1)
    alone = rng.normal(size=(8, 12))
    near = 0.02 * rng.normal(size=(120, 12)) + np.eye(12)[0] + 0.2 * np.repeat(np.eye(12)[1:3], 60, axis=0)
    rows = np.concatenate([near, alone])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = density_clusters(rows, min_cluster_size=10, min_samples=1)
    assert set(found[:60].tolist()) - {-1} in ({0}, {1})
    assert set(found[60:120].tolist()) - {-1} in ({0}, {1})
    assert (found[120:] == -1).all()


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 15), min_size=1, max_size=4),
    spread=st.sampled_from([0.0, 0.1, 1.0]),
    least=st.integers(2, 20),
    samples=st.integers(1, 6),
)
def test_clusters_of_anything(seed: int, sizes: list[int], spread: float, least: int, samples: int) -> None:
    rows = pca_reduction(directions(seed, tuple(sizes), spread), 6)
    assert rows.shape == (sum(sizes), min(6, sum(sizes)))
    assert np.isfinite(rows).all()
    found = density_clusters(rows, min_cluster_size=least, min_samples=samples)
    counts = np.bincount(found[found >= 0])
    assert found.shape == (sum(sizes),)
    assert found.min() >= -1
    assert (counts >= least).all()
    assert (np.diff(counts) <= 0).all()
    assert np.array_equal(found, density_clusters(rows, min_cluster_size=least, min_samples=samples))


@pytest.fixture(scope="module")
def pool() -> Pool:
    return pool_from_records(world(5).pool_samples(300))


def test_the_feature_is_stored_and_scales_with_the_pool(pool: Pool, tmp_path: Path) -> None:
    track = TrackContext("test", len(pool), embedder="tfidf-svd?dimensions=16")
    wanted = Topics(view="instruction")
    resolved = wanted.resolve(track)
    assert (resolved.min_cluster_size, resolved.embedder, resolved.dimensions) == (5, "tfidf-svd", 16)
    assert wanted.resolve(dataclasses.replace(track, pool_size=117_000)).min_cluster_size == 50
    assert wanted.resolve(dataclasses.replace(track, pool_size=52_000)).min_cluster_size == 22
    store = FeatureStore(tmp_path)
    topics = np.asarray(compute_features([wanted], pool, track, store).features[wanted])
    assert topics.shape == (300,)
    assert topics.max() > 3
    again = compute_features([wanted], pool, track, FeatureStore(tmp_path / "again")).features[wanted]
    assert np.array_equal(topics, again)
    keys = {store.key(feature.resolve(track), pool) for feature in (wanted, Topics("instruction", components=3))}
    keys.add(store.key(Topics("instruction", min_cluster_size=9).resolve(track), pool))
    keys.add(store.key(Topics("instruction", reduction="umap").resolve(track), pool))
    assert len(keys) == 4


def test_a_pool_below_the_cluster_size_is_noise(tmp_path: Path) -> None:
    pool = pool_from_records([{"id": str(i), "instruction": f"say {i}", "output": "yes"} for i in range(4)])
    track = TrackContext("test", 4)
    for wanted in (Topics("instruction"), Topics("response")):
        assert (compute_features([wanted], pool, track, FeatureStore(tmp_path)).features[wanted] == -1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"components": 0}, "at least 1 component"),
        ({"min_samples": 0}, "at least 1 for min_samples"),
        ({"min_cluster_size": 1}, "at least 2, not 1"),
    ],
)
def test_bad_parameters(changes: dict[str, int], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        Topics("response", **changes)  # type: ignore[arg-type]


def test_umap_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(FeatureError, match=r"pip install 'breadth\[umap\]'"):
        umap_reduction(directions(0, (20,)), 2)


@pytest.mark.long
def test_umap_keeps_bundles_apart_and_is_deterministic() -> None:
    pytest.importorskip("umap")
    rows = directions(0, (40, 40))
    reduced = umap_reduction(rows, 2)
    assert reduced.shape == (80, 2)
    assert np.array_equal(reduced, umap_reduction(rows, 2))
    found = density_clusters(reduced, min_cluster_size=10, min_samples=1)
    assert len(set(found[:40].tolist()) & set(found[40:].tolist()) - {-1}) == 0
    with pytest.raises(FeatureError, match="UMAP cannot reduce 3 samples to 2 components"):
        umap_reduction(rows[:3], 2)
