"""What kernels say to bad arrays, and which unusual ones they take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from strategies.kernels import (
    CosineSimilarity,
    NeighbourSimilarity,
    facility_location,
    farthest,
    k_center,
    max_coverage,
    pruning_path,
    replay_novelselect,
    repr_filter,
    reverse_greedy_prune,
    weighted_coverage,
)

Kernel = Callable[[np.ndarray, int], np.ndarray]


def products(points: np.ndarray) -> np.ndarray:
    """A similarity kernel of points; what is wrong with them is wrong with it."""
    if points.ndim != 2:
        return points
    rows = points.astype(np.float64)
    return np.asarray((rows @ rows.T + 1) / 2)


KERNELS: dict[str, Kernel] = {
    "k_center": lambda points, budget: k_center(points, budget, first=0),
    "farthest": lambda points, budget: farthest(points, budget, first=0),
    "repr_filter": lambda points, budget: repr_filter(points, budget, order=np.arange(len(points)), threshold=0.9)[0],
    "facility_location of a kernel": lambda points, budget: facility_location(products(points), budget),
    "facility_location of embeddings": lambda points, budget: facility_location(CosineSimilarity(points), budget),
    "facility_location of blocks": lambda points, budget: facility_location(CosineSimilarity(points, 0), budget),
    "facility_location of neighbours": lambda points, budget: facility_location(NeighbourSimilarity(points, 4), budget),
}
EVERY = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())


def points(rows: int = 30) -> np.ndarray:
    cloud = np.random.default_rng(0).normal(size=(rows, 6))
    return cloud / np.linalg.norm(cloud, axis=1, keepdims=True)


def with_row(row: int, value: float) -> np.ndarray:
    changed = points()
    changed[row] = value
    return changed


BAD: dict[str, tuple[np.ndarray, int, str]] = {
    "a NaN": (with_row(3, np.nan), 5, "not a number, first in row"),
    "an infinity": (with_row(3, np.inf), 5, "not a number, first in row"),
    "one dimension": (np.ones(5), 2, "must be a matrix"),
    "three dimensions": (np.ones((5, 2, 2)), 2, "must be a matrix"),
    "no rows": (np.ones((0, 4)), 1, "at least one row"),
    "a negative budget": (points(), -1, "between 1 and the 30 rows"),
    "no budget": (points(), 0, "between 1 and the 30 rows"),
    "a budget beyond the rows": (points(), 31, "between 1 and the 30 rows"),
}


@EVERY
@pytest.mark.parametrize("fault", BAD.keys())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_arrays(kernel: Kernel, fault: str) -> None:
    array, budget, message = BAD[fault]
    with pytest.raises(ValueError, match=message):
        kernel(array, budget)


@EVERY
def test_layouts_and_byte_orders_do_not_matter(kernel: Kernel) -> None:
    cloud = points()
    expected = kernel(cloud, 12).tolist()
    strided = np.repeat(cloud, 2, axis=0)[::2]
    assert not strided.flags["C_CONTIGUOUS"]
    assert kernel(strided, 12).tolist() == expected
    assert kernel(np.asfortranarray(cloud), 12).tolist() == expected
    read_only = cloud.copy()
    read_only.setflags(write=False)
    assert kernel(read_only, 12).tolist() == expected


@pytest.mark.parametrize("name", KERNELS)
def test_fewer_different_points_than_the_budget(name: str) -> None:
    """Every row is picked once all the same; where none adds anything, the lowest comes first."""
    picks = KERNELS[name](points(4)[np.arange(20) % 4], 20).tolist()
    assert sorted(picks) == list(range(20))
    if name != "farthest":  # its sums go on growing
        assert sorted(row % 4 for row in picks[:4]) == [0, 1, 2, 3]
        assert picks[4:] == sorted(picks[4:])


@pytest.mark.parametrize("name", ["k_center", "facility_location of a kernel"])
def test_a_row_of_zeros_is_a_point_like_any_other(name: str) -> None:
    assert sorted(KERNELS[name](with_row(2, 0.0), 30).tolist()) == list(range(30))


@pytest.mark.parametrize(
    "name", [name for name in KERNELS if name not in ("k_center", "facility_location of a kernel")]
)
def test_a_row_of_zeros_has_no_direction(name: str) -> None:
    with pytest.raises(ValueError, match=r"row 2 (is all zeros|has length 0)"):
        KERNELS[name](with_row(2, 0.0), 5)


@pytest.mark.parametrize("name", ["k_center", "farthest", "repr_filter"])
@pytest.mark.parametrize("dtype", [np.float16, np.int64, ">f8"])
def test_other_dtypes_become_float32(name: str, dtype: object) -> None:
    cloud = np.round(4 * np.random.default_rng(0).normal(size=(30, 6))).astype(dtype)  # type: ignore[call-overload]
    assert KERNELS[name](cloud, 12).tolist() == KERNELS[name](cloud.astype(np.float32), 12).tolist()


@pytest.mark.parametrize("name", [name for name in KERNELS if name.startswith("facility") and "a kernel" not in name])
def test_rows_that_float16_left_off_unit_length(name: str) -> None:
    halves = points().astype(np.float16)
    with pytest.raises(ValueError, match=r"rows of length 1, but row \d+ has length (0\.99|1\.0)"):
        KERNELS[name](halves, 5)
    again = halves.astype(np.float32)
    again /= np.linalg.norm(again, axis=1, keepdims=True)
    assert len(KERNELS[name](again, 5)) == 5


def replay(picks: list[float], step: int, **changed: float) -> object:
    """A step of picks among three rows at right angles."""
    return replay_novelselect(np.eye(3), np.ones(3), np.asarray(picks), step, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: k_center(np.eye(3), 1, first=3), "first row must lie between 0 and 2"),
        (lambda: farthest(np.eye(3), 1, first=-1), "first row must lie between 0 and 2"),
        (lambda: k_center(np.eye(3), 2.7, first=0), "a budget must be a whole number, not 2.7"),  # type: ignore[arg-type]
        (lambda: farthest(np.eye(3), 1, first=0.9), "first row must be a whole number, not 0.9"),  # type: ignore[arg-type]
        (lambda: repr_filter(np.eye(3), 1, order=np.asarray([0, 1, 1]), threshold=0.9), "each of the 3 rows once"),
        (lambda: repr_filter(np.eye(3), 1, order=np.arange(2), threshold=0.9), "each of the 3 rows once"),
        (lambda: repr_filter(np.eye(3), 1, order=np.arange(3), threshold=np.nan), "threshold must be a number"),
        (lambda: facility_location(np.ones((2, 3)), 1), "square"),
        (lambda: facility_location(-np.ones((2, 2)), 1), "negative"),
        (lambda: facility_location(np.ones((2, 2)), 1, quality=np.ones(3)), "quality must be 2 numbers"),
        (lambda: facility_location(np.ones((2, 2)), 1, quality=np.asarray([1.0, -1.0])), "quality must be 2 numbers"),
        (lambda: facility_location(np.ones((2, 2)), 1, quality=np.asarray([1.0, np.nan])), "quality must be 2 numbers"),
        (lambda: facility_location(CosineSimilarity(2 * np.eye(2)), 1), "row 0 has length 2"),
        (lambda: facility_location(NeighbourSimilarity(np.eye(2), 0), 1), "at least 1 neighbour"),
        (lambda: reverse_greedy_prune([[1]], -1), "must not be negative"),
        (lambda: reverse_greedy_prune([[-1]], 1), "types are integers from 0, not -1"),
        (lambda: reverse_greedy_prune([[1]], 1, unit="row"), "'type' or 'sample'"),  # type: ignore[arg-type]
        (lambda: reverse_greedy_prune((np.asarray([1, 2]), np.asarray([0, 3])), 1), "to the 2 types"),
        (lambda: reverse_greedy_prune((np.asarray([1, 2]), np.asarray([0, 2, 1, 2])), 1), "offsets"),
        (lambda: pruning_path((np.asarray([1.5]), np.asarray([0, 1]))), "types are integers from 0"),
        (
            lambda: pruning_path((np.asarray([1, 2]), np.asarray([0.0, 1.7]))),
            "offsets are integers from 0, not of type",
        ),
        (lambda: reverse_greedy_prune([[0.9], [1.2]], 1), "types are integers from 0, not of type float64"),  # type: ignore[list-item]
        (lambda: reverse_greedy_prune([[0], [np.nan]], 1), "types are integers from 0, not of type float64"),  # type: ignore[list-item]
        (
            lambda: max_coverage([[1], [True, False]], 1, round_gain=0.1),
            "neurons are integers from 0, not of type bool",
        ),
        (lambda: max_coverage([[1], ["a"]], 1, round_gain=0.1), "neurons are integers from 0, not of type <U1"),  # type: ignore[list-item]
        (lambda: weighted_coverage([np.asarray([0.5])], 1), "neurons are integers from 0, not of type float64"),
        (lambda: replay([0, 1, 2], 1, distance_power=np.nan), "distance_power must be a number that is not negative"),
        (lambda: replay([0, 1, 2], 1, distance_power=-1), "distance_power must be a number that is not negative"),
        (lambda: replay([0, 1, 2], 1, distance_power=np.inf), "distance_power must be a number that is not negative"),
        (lambda: replay([2, 2, 2, 1], 2), "picks must be different rows, but row 2 is among them twice"),
        (lambda: replay([0, 1, 2, 1], 1), "picks must be different rows, but row 1 is among them twice"),
        (lambda: replay([0.0, 1.0], 1), "picks must be row numbers between 0 and 2"),
        (lambda: replay([0, 3], 1), "picks must be row numbers between 0 and 2"),
        (lambda: replay([], 1), "picks must be row numbers between 0 and 2"),
    ],
)
def test_bad_values(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_rows_that_hold_nothing_have_no_type_that_counts() -> None:
    assert reverse_greedy_prune([[], [0], np.asarray([1], dtype=np.uint8), ()], 2).tolist() == [0, 1, 2, 3]
    assert max_coverage([[], np.asarray([7], dtype=np.uint64), [1, 2]], 3, round_gain=0.1).tolist() == [2, 1, 0]


BEYOND = {"datasets", "huggingface_hub", "pandas", "pyarrow", "pydantic", "sklearn", "torch", "transformers", "typer"}


@pytest.mark.parametrize(
    ("use", "beyond"),
    [
        ("from strategies.kernels import *", BEYOND | {"suite"}),
        ("from suite.features.density import knn_density as f; f(np.eye(3), np.eye(3), neighbours=1, power=1)", BEYOND),
        ("from suite.diversity import novelsum; novelsum(np.eye(3), np.eye(3))", BEYOND),
    ],
    ids=["kernels", "knn_density", "novelsum"],
)
def test_numpy_and_numba_are_all_that_is_needed(use: str, beyond: set[str]) -> None:
    program = f"import sys; import numpy as np; {use}; print(*({beyond} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
