"""K-center, farthest and the representation filter pick what their literal forms pick, in order."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from clouds import budgets, clouds
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import farthest, k_center, repr_filter

CASES = 200


@settings(max_examples=CASES, deadline=None)
@given(points=clouds(unit=False), data=st.data())
def test_k_center(points: np.ndarray, data: st.DataObject) -> None:
    budget, first = data.draw(budgets(len(points))), data.draw(st.integers(0, len(points) - 1))
    assert k_center(points, budget, first=first).tolist() == oracles.k_center(points, budget, first)


@settings(max_examples=CASES, deadline=None)
@given(points=clouds(unit=False), data=st.data())
def test_farthest(points: np.ndarray, data: st.DataObject) -> None:
    budget, first = data.draw(budgets(len(points))), data.draw(st.integers(0, len(points) - 1))
    assert farthest(points, budget, first=first).tolist() == oracles.farthest(points, budget, first)


def test_farthest_at_a_size_where_most_rows_are_skipped() -> None:
    points = np.random.default_rng(0).normal(size=(700, 8)).astype(np.float32)
    points[400:500] = points[:100]
    assert farthest(points, 300, first=3).tolist() == oracles.farthest(points, 300, 3)


@settings(max_examples=CASES, deadline=None)
@given(points=clouds(unit=False), threshold=st.sampled_from([-0.5, 0.0, 0.3, 0.9, 0.9999, 1.0]), data=st.data())
def test_repr_filter(points: np.ndarray, threshold: float, data: st.DataObject) -> None:
    budget, order = data.draw(budgets(len(points))), data.draw(st.permutations(range(len(points))))
    rows, accepted = repr_filter(points, budget, order=np.asarray(order), threshold=threshold)
    assert (rows.tolist(), accepted) == oracles.repr_filter(points, budget, order, threshold)


@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_repr_filter_over_several_blocks(threshold: float) -> None:
    points = np.random.default_rng(0).normal(size=(900, 6)).astype(np.float32)
    order = np.random.default_rng(1).permutation(900)
    rows, accepted = repr_filter(points, 700, order=order, threshold=threshold)
    assert (rows.tolist(), accepted) == oracles.repr_filter(points, 700, order.tolist(), threshold)


@pytest.mark.parametrize("kernel", ["k_center", "farthest", "repr_filter"])
def test_progress_rises_to_the_budget(kernel: str) -> None:
    points = np.random.default_rng(0).normal(size=(300, 6))
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    if kernel == "k_center":
        k_center(points, 200, first=0, progress=progress)
    elif kernel == "farthest":
        farthest(points, 200, first=0, progress=progress)
    else:
        repr_filter(points, 200, order=np.arange(300), threshold=1.0, progress=progress)
    assert seen == sorted(seen)
    assert seen[-1] == (200, 200)
