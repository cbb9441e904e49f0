"""Kernels pick what their literal forms pick, in order, ties and exact duplicates included."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import CosineSimilarity, facility_location, k_center, pruning_path, reverse_greedy_prune


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    """Unit rows: random, clustered, all equal, on few directions (many ties), stretched; with copies; either dtype."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, dimensions = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    shape = draw(st.sampled_from(["random", "cluster", "equal", "axes", "stretched"]))
    points = rng.normal(size=(rows, dimensions))
    if shape == "cluster":
        points = points[:1] + 1e-3 * points
    elif shape == "equal":
        points = np.repeat(points[:1], rows, axis=0)
    elif shape == "axes":
        points = np.eye(dimensions)[rng.integers(dimensions, size=rows)] * rng.choice([-1.0, 1.0], size=(rows, 1))
    elif shape == "stretched":
        points *= 10.0 ** -np.arange(dimensions)
    copies = points[rng.integers(rows, size=draw(st.integers(0, 10)))]
    return unit(rng.permutation(np.concatenate([points, copies]))).astype(draw(st.sampled_from(["f4", "f8"])))


@settings(max_examples=200, deadline=None)
@given(points=clouds(), data=st.data())
def test_k_center(points: np.ndarray, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(points)))
    first = data.draw(st.integers(0, len(points) - 1))
    assert k_center(points, budget, first=first).tolist() == oracles.k_center(points, budget, first)


@settings(max_examples=200, deadline=None)
@given(points=clouds(), data=st.data())
def test_facility_location_of_a_kernel_in_memory(points: np.ndarray, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(points)))
    kernel = np.maximum(oracles.cosine_kernel(points), 0.0).astype(points.dtype)
    quality = data.draw(st.none() | st.just(np.linspace(0, 2, len(points))))
    expected = oracles.facility_location(kernel, budget, quality)
    assert facility_location(kernel, budget, quality=quality).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(points=clouds(), memory=st.sampled_from([0, 2000, 2**30]), data=st.data())
def test_facility_location_of_embeddings_in_any_memory(points: np.ndarray, memory: int, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(points)))
    quality = data.draw(st.none() | st.just(np.linspace(0, 2, len(points))))
    picks = facility_location(CosineSimilarity(points, memory), budget, quality=quality)
    expected = oracles.facility_location(oracles.cosine_kernel(points), budget, quality)
    assert picks.tolist() == expected


def test_facility_location_modes_agree_at_a_larger_size() -> None:
    rng = np.random.default_rng(0)
    points = unit(rng.normal(size=(40, 24))[rng.integers(40, size=900)] + 0.4 * rng.normal(size=(900, 24)))
    points = np.concatenate([points, points[:60]]).astype(np.float32)
    whole, blocks, tiny = (
        facility_location(CosineSimilarity(points, memory), 300).tolist() for memory in (2**30, 2**20, 0)
    )
    assert whole == blocks == tiny
    assert whole == oracles.facility_location(oracles.cosine_kernel(points), 300)


SAMPLES = st.lists(st.lists(st.integers(0, 8), max_size=4), max_size=25)


@settings(max_examples=300, deadline=None)
@given(samples=SAMPLES, keep=st.integers(0, 10))
def test_pruning(samples: list[list[int]], keep: int) -> None:
    assert reverse_greedy_prune(samples, keep).tolist() == oracles.prune_types(samples, keep)
    in_first_order = reverse_greedy_prune(samples, keep, recount=False).tolist()
    assert in_first_order == oracles.prune_types(samples, keep, recount=False)
    assert reverse_greedy_prune(samples, keep, unit="sample").tolist() == oracles.prune_samples(samples, keep)


@settings(max_examples=100, deadline=None)
@given(samples=SAMPLES, unit_of_pruning=st.sampled_from(["type", "sample"]), recount=st.booleans())
def test_a_pruning_path_is_consistent(samples: list[list[int]], unit_of_pruning: str, recount: bool) -> None:
    path = pruning_path(samples, unit=unit_of_pruning, recount=recount)  # type: ignore[arg-type]
    assert (np.diff(path.types_left) <= 0).all()
    assert (np.diff(path.samples_left) <= 0).all()
    for state in range(len(path.types_left)):
        rows = path.samples(state)
        kinds = sorted({kind for row in rows for kind in samples[row]})
        assert len(rows) == path.samples_left[state]
        assert path.types(state).tolist() == kinds
        assert len(kinds) == path.types_left[state]


def test_pruning_takes_ragged_arrays() -> None:
    flat = (np.asarray([5, 1, 1, 5, 2]), np.asarray([0, 2, 4, 4, 5]))
    assert reverse_greedy_prune(flat, 2).tolist() == reverse_greedy_prune([[5, 1], [1, 5], [], [2]], 2).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: k_center(np.eye(3), 4, first=0), "between 1 and the 3 rows"),
        (lambda: k_center(np.eye(3), 0, first=0), "between 1 and the 3 rows"),
        (lambda: k_center(np.eye(3), 1, first=3), "first row must lie between 0 and 2"),
        (lambda: k_center(np.asarray([[1.0], [np.nan]]), 1, first=0), "first in row 1"),
        (lambda: k_center(np.ones(3), 1, first=0), "matrix"),
        (lambda: facility_location(np.ones((2, 3)), 1), "square"),
        (lambda: facility_location(-np.ones((2, 2)), 1), "negative"),
        (lambda: facility_location(np.ones((2, 2)), 3), "between 1 and the 2 rows"),
        (lambda: facility_location(np.ones((2, 2)), 1, quality=np.ones(3)), "quality must be 2 numbers"),
        (lambda: facility_location(np.ones((2, 2)), 1, quality=np.asarray([1.0, -1.0])), "quality must be 2 numbers"),
        (lambda: facility_location(CosineSimilarity(np.zeros((0, 2))), 1), "matrix"),
        (lambda: reverse_greedy_prune([[1]], -1), "must not be negative"),
        (lambda: reverse_greedy_prune([[-1]], 1), "integers from 0"),
        (lambda: reverse_greedy_prune([[1]], 1, unit="row"), "'type' or 'sample'"),  # type: ignore[arg-type]
    ],
)
def test_bad_arrays(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_other_dtypes_and_layouts(dtype: type) -> None:
    rng = np.random.default_rng(0)
    points = np.round(4 * rng.normal(size=(30, 6))).astype(dtype)
    expected = oracles.k_center(points, 12, 2)
    assert k_center(points, 12, first=2).tolist() == expected
    assert k_center(np.asfortranarray(points), 12, first=2).tolist() == expected
    assert k_center(np.repeat(points, 2, axis=0)[::2], 12, first=2).tolist() == expected


def test_kernels_need_numpy_and_numba_only() -> None:
    program = (
        "import sys; from strategies.kernels import k_center, facility_location, reverse_greedy_prune; "
        "print([name for name in ('suite', 'sklearn', 'torch', 'pyarrow', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
