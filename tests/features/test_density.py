"""Neighbour density: equal to the literal form, duplicates and near duplicates included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracles
import pytest
from clouds import clouds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.errors import FeatureError
from suite.features import Density, Embeddings, TrackContext
from suite.features.density import knn_density
from suite.features.store import FeatureStore, compute_features
from suite.pool import pool_from_records


def cloud(rng: np.random.Generator, rows: int, dimensions: int, copies: int, near: int) -> np.ndarray:
    """Unit rows with exact and near duplicates, in random order."""
    points = rng.normal(size=(rows, dimensions))
    points = np.concatenate([points, points[rng.integers(rows, size=copies)]])
    close = points[rng.integers(rows, size=near)] + 1e-4 * rng.normal(size=(near, dimensions))
    points = np.concatenate([points, close])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return rng.permutation(points)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 40),
    dimensions=st.integers(1, 9),
    copies=st.integers(0, 12),
    near=st.integers(0, 30),
    neighbours=st.integers(1, 12),
    power=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_equal_to_the_literal_form(
    seed: int, rows: int, dimensions: int, copies: int, near: int, neighbours: int, power: float, dtype: type
) -> None:
    points = cloud(np.random.default_rng(seed), rows, dimensions, copies, near).astype(dtype)
    assume(len(np.unique(points, axis=0)) > 1)
    expected = oracles.knn_density(points, points, neighbours, power)
    assert knn_density(points, points, neighbours=neighbours, power=power) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(points=clouds(), reference=clouds(), neighbours=st.integers(1, 12), power=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_every_kind_of_cloud_against_every_other(
    points: np.ndarray, reference: np.ndarray, neighbours: int, power: float
) -> None:
    """One cluster, equal rows, stretched clouds, ties: each measured within another; the narrower in a subspace."""
    width = max(points.shape[1], reference.shape[1])
    points, reference = (
        np.pad(rows, ((0, 0), (0, width - rows.shape[1]))).astype(points.dtype) for rows in (points, reference)
    )
    different = len(np.unique(reference, axis=0))
    assume(different > 1 or not (points == reference[0]).all(axis=1).any())
    expected = oracles.knn_density(points, reference, neighbours, power)
    assert knn_density(points, reference, neighbours=neighbours, power=power) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_equal_rows_have_no_density_of_their_own(power: float) -> None:
    points = np.repeat(np.eye(3)[:1], 5, axis=0)
    with pytest.raises(FeatureError, match="at least one reference row that differs"):
        knn_density(points, points, neighbours=3, power=power)


def test_half_precision_and_rows_that_are_not_contiguous() -> None:
    points = cloud(np.random.default_rng(7), 40, 6, 4, 4).astype(np.float16)
    spread = np.repeat(points.astype(np.float32), 2, axis=1)[:, ::2]
    assert not spread.flags["C_CONTIGUOUS"]
    expected = oracles.knn_density(points.astype(np.float32), points.astype(np.float32), 5, 0.5)
    for given_as in (points, spread, np.asfortranarray(spread)):
        assert knn_density(given_as, given_as, neighbours=5, power=0.5) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 60),
    dimensions=st.integers(2, 9),
    neighbours=st.integers(1, 12),
    spread=st.sampled_from([1e-6, 1e-5, 1e-4, 9e-4]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_rows_not_quite_of_length_1_are_measured_as_they_are(
    seed: int, rows: int, dimensions: int, neighbours: int, spread: float, dtype: type
) -> None:
    """In few dimensions and a tight cluster, where the larger product often belongs to the farther of two rows."""
    rng = np.random.default_rng(seed)
    points = np.eye(1, dimensions) + 0.03 * rng.normal(size=(rows, dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True) / rng.uniform(1 - spread, 1 + spread, size=(rows, 1))
    points = points.astype(dtype)
    expected = oracles.knn_density(points, points, neighbours, 0.5)
    assert knn_density(points, points, neighbours=neighbours, power=0.5) == pytest.approx(expected, rel=1e-9)


def test_what_float16_leaves_of_unit_rows() -> None:
    points = cloud(np.random.default_rng(8), 1200, 64, 30, 90).astype(np.float16)
    expected = oracles.knn_density(points[:100], points, 10, 0.5)
    assert knn_density(points[:100], points, neighbours=10, power=0.5) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    points=clouds(),
    seed=st.integers(0, 2**32 - 1),
    neighbours=st.integers(1, 12),
    which=st.sampled_from(["both", "embeddings", "reference"]),
)
def test_rows_of_other_lengths_are_scaled_to_1(points: np.ndarray, seed: int, neighbours: int, which: str) -> None:
    rng = np.random.default_rng(seed)
    others = rng.normal(size=(20, points.shape[1])).astype(points.dtype)
    reference = np.concatenate([points, others / np.linalg.norm(others, axis=1, keepdims=True)])
    # A power of two is exact: equal rows of different lengths are equal again.
    given_points = points * (2.0 ** rng.integers(-4, 5, size=(len(points), 1)) if which != "reference" else 1.0)
    given_reference = reference * (2.0 ** rng.integers(1, 5, size=(len(reference), 1)) if which != "embeddings" else 2)
    unit, unit_reference = (
        rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True) for rows in (points, reference)
    )
    assume(len(np.unique(unit_reference, axis=0)) > 1)
    expected = oracles.knn_density(unit, unit_reference, neighbours, 0.5)
    found = knn_density(given_points, given_reference, neighbours=neighbours, power=0.5)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("embeddings", "reference", "message"), [(3, -1, "row 3 is"), (-1, 2, "row 2 of the reference is")]
)
def test_a_row_of_zeros_has_no_density(embeddings: int, reference: int, message: str) -> None:
    points = np.concatenate([cloud(np.random.default_rng(9), 9, 4, 0, 0), np.zeros((1, 4))])
    order = np.arange(9)
    first, second = (np.insert(order, row, 9) if row >= 0 else order for row in (embeddings, reference))
    with pytest.raises(FeatureError, match=message):
        knn_density(points[first], points[second], neighbours=2, power=0.5)


def test_against_another_reference() -> None:
    rng = np.random.default_rng(3)
    points, reference = cloud(rng, 20, 5, 3, 0), cloud(rng, 50, 5, 9, 9)
    reference[:4] = points[:4]
    expected = oracles.knn_density(points, reference, 6, 0.5)
    assert knn_density(points, reference, neighbours=6, power=0.5) == pytest.approx(expected, rel=1e-9)


def test_copies_do_not_raise_the_density() -> None:
    points = cloud(np.random.default_rng(5), 30, 6, 0, 0)
    crowded = np.concatenate([points, np.repeat(points[:1], 12, axis=0)])
    density = knn_density(crowded, crowded, neighbours=5, power=1.0)
    assert density[:30] == pytest.approx(knn_density(points, points, neighbours=5, power=1.0))
    assert (density[30:] == density[0]).all()


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    points = cloud(np.random.default_rng(6), 80, 7, 10, 10).astype(np.float32)
    whole = knn_density(points, points, neighbours=4, power=0.5)
    monkeypatch.setattr("suite.features.density.BLOCK_BYTES", 4 * 100 * 3)
    steps: list[tuple[int, int]] = []
    blocked = knn_density(points, points, neighbours=4, power=0.5, progress=lambda *step: steps.append(step))
    assert np.array_equal(whole, blocked)
    assert len(steps) > 10
    assert steps[-1] == (100, 100)


@pytest.mark.parametrize(
    ("points", "neighbours", "message"),
    [
        (np.ones((3, 2)), 1, "differs from the sample"),
        (np.ones(3), 1, "matrix"),
        (np.zeros((0, 2)), 1, "matrix"),
        (np.asarray([[0.0, np.inf], [1.0, 0.0]]), 1, "not a number"),
        (np.eye(3), 0, "at least 1 neighbour"),
    ],
)
def test_what_has_no_density(points: np.ndarray, neighbours: int, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        knn_density(points, points, neighbours=neighbours, power=0.5)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(FeatureError, match="3 dimensions and the reference 2"):
        knn_density(np.eye(3), np.eye(2), neighbours=1, power=0.5)


def test_the_feature_measures_its_embeddings(tmp_path: Path) -> None:
    pool = pool_from_records(
        [{"id": str(i), "instruction": f"word{i % 7} word{i % 5}", "output": "."} for i in range(40)]
    )
    track = TrackContext("test", 40)
    wanted = (Embeddings(), Density(neighbours=3))
    found = compute_features(wanted, pool, track, FeatureStore(tmp_path)).features
    expected = oracles.knn_density(found[Embeddings()], found[Embeddings()], 3, 0.5)
    assert found[Density(neighbours=3)] == pytest.approx(expected, rel=1e-9)
