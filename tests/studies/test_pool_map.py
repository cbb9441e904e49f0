"""The map of a pool: its plane, its bins, and the picks on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from suite.studies import pool_map
from suite.studies.pool_map import Plane, density, pick_map, principal_plane


@pytest.fixture
def cloud() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(500, 8)) * [5, 3, 1, 1, 1, 0.5, 0.5, 0.1] + 2).astype(np.float32)


@pytest.mark.parametrize("block", [7, 500, 10_000])
def test_the_plane_is_that_of_scikit_learn(cloud: np.ndarray, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(pool_map, "BLOCK", block)
    plane = principal_plane(cloud)
    model = PCA(2, svd_solver="full").fit(cloud.astype(np.float64))
    expected = model.transform(cloud.astype(np.float64))
    assert plane.explained == pytest.approx(tuple(model.explained_variance_ratio_))
    assert np.allclose(np.abs(plane.points), np.abs(expected), atol=1e-6)
    for axis in range(2):
        loadings = np.linalg.lstsq(cloud - cloud.mean(axis=0), plane.points[:, axis], rcond=None)[0]
        assert loadings[np.abs(loadings).argmax()] > 0
    again = principal_plane(cloud)
    assert np.array_equal(plane.points, again.points)


def test_equal_samples_lie_in_one_place() -> None:
    plane = principal_plane(np.ones((5, 3)))
    assert np.allclose(plane.points, 0)
    assert plane.explained == (0.0, 0.0)
    drawn = density(plane, "tfidf-svd")
    assert drawn.counts == ((5,),)
    for shape in ((1, 4), (4, 1)):
        with pytest.raises(ValueError, match="at least 2 samples in 2 dimensions"):
            principal_plane(np.ones(shape))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e6), st.floats(0, 5))
def test_every_sample_lies_in_a_square_cell(seed: int, scale: float, flatness: float) -> None:
    points = np.random.default_rng(seed).normal(size=(300, 2)) * [scale, scale * flatness]
    drawn = density(Plane(points, (0.5, 0.2)), "e", bins=20)
    counts = np.asarray(drawn.counts)
    assert counts.sum() == 300
    assert counts.shape == (len(drawn.y_edges) - 1, len(drawn.x_edges) - 1)
    assert max(counts.shape) in (20, 21)
    assert np.diff(drawn.x_edges).mean() == pytest.approx(np.diff(drawn.y_edges).mean(), rel=0.05)


def test_rows_of_the_grid_run_along_y() -> None:
    drawn = density(Plane(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]), (1, 0)), "e", bins=2)
    assert drawn.counts == ((1, 1), (0, 2))


def test_picks_are_parted_and_repeats_stand_once() -> None:
    plane = Plane(np.arange(12.0).reshape(6, 2), (1, 0))
    drawn = pick_map(plane, ("a", "macro", np.array([0, 3, 3])), ("b", "micro", np.array([3, 5, 1])))
    assert (drawn.only_first.x, drawn.only_first.y) == ((0.0,), (1.0,))
    assert (drawn.only_second.x, drawn.only_second.y) == ((2.0, 10.0), (3.0, 11.0))
    assert (drawn.both.x, drawn.both.y) == ((6.0,), (7.0,))
    assert (drawn.first, drawn.second_level, len(drawn.both)) == ("a", "micro", 1)
