"""NovelSum: equal to its literal form, near duplicates included, and strict about what it is given."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from clouds import clouds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.diversity import novelsum, novelty, pairs
from suite.errors import FeatureError, ParameterError, SelectionError

POWERS = st.sampled_from([0.0, 0.5, 1.0, 2.0])


@settings(max_examples=200, deadline=None)
@given(
    points=clouds(max_rows=24, max_dimensions=8),
    seed=st.integers(0, 2**32 - 1),
    close=st.sampled_from([0.0, 1e-5, 1e-4, 1e-3]),
    neighbours=st.integers(1, 12),
    density_power=POWERS,
    distance_power=POWERS,
    count_self=st.booleans(),
)
def test_equal_to_the_literal_form(
    points: np.ndarray,
    seed: int,
    close: float,
    neighbours: int,
    density_power: float,
    distance_power: float,
    count_self: bool,
) -> None:
    rng = np.random.default_rng(seed)
    if close:
        near = points[rng.integers(len(points), size=len(points))].astype(np.float64)
        near += close * rng.normal(size=near.shape)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        points = np.concatenate([points, near.astype(points.dtype)])
    others = rng.normal(size=(15, points.shape[1])).astype(points.dtype)
    reference = np.concatenate([points, others / np.linalg.norm(others, axis=1, keepdims=True)])
    assume(len(np.unique(reference, axis=0)) > 1 and (len(points) > 1 or count_self))
    found = novelsum(
        points,
        reference,
        neighbours=neighbours,
        density_power=density_power,
        distance_power=distance_power,
        count_self=count_self,
    )
    density = oracles.knn_density(points, reference, neighbours, density_power)
    expected = float(oracles.novelsum(points, density, distance_power, count_self=count_self))
    assert found == pytest.approx(expected, rel=1e-6, abs=0.0 if expected > 1e-9 else 1e-9)


@settings(max_examples=200, deadline=None)
@given(
    points=clouds(max_rows=24, max_dimensions=8),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["whole", "rows"]),
    density_power=POWERS,
)
def test_lengths_do_not_matter(points: np.ndarray, seed: int, kind: str, density_power: float) -> None:
    rng = np.random.default_rng(seed)
    others = rng.normal(size=(15, points.shape[1])).astype(points.dtype)
    reference = np.concatenate([points, others / np.linalg.norm(others, axis=1, keepdims=True)])
    assume(len(np.unique(reference, axis=0)) > 1)
    lengths = np.full((len(reference), 1), 2.0) if kind == "whole" else 2.0 ** rng.integers(1, 9, (len(reference), 1))
    # The lengths of float32 rows, too, are only nearly 1.
    rows = reference / np.linalg.norm(reference.astype(np.float64), axis=1, keepdims=True)
    expected = novelsum(rows[: len(points)], rows, density_power=density_power)
    found = novelsum((rows * lengths)[: len(points)], rows * lengths, density_power=density_power)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_near_duplicates_keep_their_digits() -> None:
    """All picks within 1e-5 of each other: the product form of 1 - cosine is wrong from the sixth digit on."""
    rng = np.random.default_rng(0)
    points = np.eye(1, 30) + 1e-5 * rng.normal(size=(40, 30))
    expected = float(oracles.novelsum(points, np.ones(40), 1.0))
    assert 0 < expected < 1e-8
    assert novelsum(points, None, density_power=0) == pytest.approx(expected, rel=1e-9)


def test_blocks_and_order_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(50, 6))
    reference = rng.normal(size=(90, 6))
    whole = novelsum(points, reference)
    assert novelsum(rng.permutation(points), reference) == pytest.approx(whole, rel=1e-12)
    monkeypatch.setattr(pairs, "BLOCK_BYTES", 8 * 50 * 3)
    steps: list[tuple[int, int]] = []
    density = novelty.knn_density(points, reference, neighbours=10, power=0.5)
    blocked = novelty.mean_novelty(
        points, density, distance_power=1.0, count_self=True, progress=lambda *step: steps.append(step)
    )
    assert blocked == pytest.approx(whole, rel=1e-12)
    assert len(steps) == 17
    assert steps[-1] == (50, 50)


def test_what_it_takes_and_gives() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(20, 5))
    assert novelsum(points[:1], points) == 0.0
    assert novelsum(np.repeat(points[:1], 7, axis=0), points) == 0.0
    wide = np.zeros((20, 10))
    wide[:, ::2] = points
    assert novelsum(wide[:, ::2], points) == novelsum(points, points)
    assert novelsum(points.astype(np.float16), points.astype(np.float16)) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.zeros((3, 2))}, "row 0 is all zeros"),
        (
            {"embeddings": np.asarray([[1.0, 0.0], [np.nan, 1.0]]), "density_power": 0},
            "row 1 holds a value",
        ),
        ({"embeddings": np.ones(3), "density_power": 0}, "must be a matrix"),
        ({"embeddings": np.zeros((0, 2)), "density_power": 0}, "must be a matrix"),
        ({"embeddings": np.eye(3)}, "3 dimensions and the reference 2"),
        ({"neighbours": 0}, "at least 1 neighbour"),
    ],
)
def test_wrong_embeddings(change: dict[str, object], message: str) -> None:
    given_ = {"embeddings": np.eye(2), "reference": np.asarray([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), **change}
    with pytest.raises(FeatureError, match=message):
        novelsum(**given_)  # type: ignore[arg-type]


def test_wrong_parameters() -> None:
    with pytest.raises(ParameterError, match="distance_power must be"):
        novelsum(np.eye(3), np.eye(3), distance_power=-1)
    for power in (np.nan, np.inf, -np.inf):
        with pytest.raises(ParameterError, match="power of a density must be a finite number"):
            novelsum(np.eye(3), np.eye(3), density_power=power)
    with pytest.raises(ParameterError, match="distance_power must be"):
        novelsum(np.eye(3), np.eye(3), distance_power=np.nan)
    near = np.eye(1, 3) + 1e-7 * np.eye(3)
    with pytest.raises(ParameterError, match="power of 60 a density is no finite number"):
        novelsum(near, near, density_power=60)
    with pytest.raises(ParameterError, match="needs a reference"):
        novelsum(np.eye(3), None)
    with pytest.raises(SelectionError, match="at least two picks"):
        novelsum(np.eye(1), None, density_power=0, count_self=False)
