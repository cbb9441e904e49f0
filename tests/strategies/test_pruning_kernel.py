"""Reverse greedy pruning leaves what its literal form leaves, in both readings."""

from __future__ import annotations

import numpy as np
import oracles
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import pruning_path, reverse_greedy_prune

# Few types among many samples tie often; a sample may hold none, and one type twice.
SAMPLES = st.lists(st.lists(st.integers(0, 8), max_size=4), max_size=25) | st.lists(
    st.lists(st.integers(0, 3) | st.integers(0, 40), max_size=8), min_size=1, max_size=40
)


@settings(max_examples=200, deadline=None)
@given(samples=SAMPLES, keep=st.integers(0, 12))
def test_pruning(samples: list[list[int]], keep: int) -> None:
    assert reverse_greedy_prune(samples, keep).tolist() == oracles.prune_types(samples, keep)
    in_first_order = reverse_greedy_prune(samples, keep, recount=False).tolist()
    assert in_first_order == oracles.prune_types(samples, keep, recount=False)
    assert reverse_greedy_prune(samples, keep, unit="sample").tolist() == oracles.prune_samples(samples, keep)


@settings(max_examples=200, deadline=None)
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
    expected = reverse_greedy_prune([[5, 1], [1, 5], [], [2]], 2).tolist()
    assert reverse_greedy_prune(flat, 2).tolist() == expected
    narrow = (flat[0].astype(np.uint16), flat[1].astype(np.int32))
    assert reverse_greedy_prune(narrow, 2).tolist() == expected


def test_nothing_to_prune() -> None:
    assert reverse_greedy_prune([], 0).tolist() == []
    assert reverse_greedy_prune([[], []], 0).tolist() == [0, 1]
    assert reverse_greedy_prune((np.asarray([]), np.asarray([0, 0, 0])), 0).tolist() == [0, 1]
    assert reverse_greedy_prune([[1], [2]], 5).tolist() == [0, 1]
