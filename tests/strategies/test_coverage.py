"""Coverage kernels pick what their literal forms pick, in order, over states of every awkward kind."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import incidences, max_coverage, rarity, weighted_coverage

ROUND_GAINS = [0.0, 0.01, 0.1, 0.5, 1.0]


@st.composite
def samples(draw: st.DrawFn) -> list[list[int]]:
    """States of up to 40 samples: equal or different sizes, empty ones, exact copies, all equal, all empty."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, neurons = draw(st.integers(1, 40)), draw(st.sampled_from([1, 3, 12, 60, 300]))
    shape = draw(st.sampled_from(["equal sizes", "different sizes", "popular", "all equal", "nested", "empty"]))
    size = draw(st.integers(1, min(neurons, 12)))
    popularity = 1.0 / np.arange(1, neurons + 1)
    states = []
    for row in range(rows):
        count = {"different sizes": int(rng.integers(0, size + 1)), "nested": row % (size + 1), "empty": 0}.get(
            shape, size
        )
        chance = popularity / popularity.sum() if shape == "popular" else None
        chosen = np.arange(count) if shape == "nested" else rng.choice(neurons, size=count, replace=False, p=chance)
        states.append(sorted(chosen.tolist()))
    if shape == "all equal":
        states = [states[0]] * rows
    for _ in range(draw(st.integers(0, 5))):
        states[int(rng.integers(rows))] = states[int(rng.integers(rows))]
    if draw(st.booleans()):
        states[int(rng.integers(rows))] = []
    return states


def end_to_end(states: list[list[int]], dtype: str = "u2") -> tuple[np.ndarray, np.ndarray]:
    sizes = [len(state) for state in states]
    return np.asarray([neuron for state in states for neuron in state], dtype=dtype), np.cumsum([0, *sizes])


@settings(max_examples=200, deadline=None)
@given(states=samples(), round_gain=st.sampled_from(ROUND_GAINS), seed=st.integers(0, 9), data=st.data())
def test_rounds(states: list[list[int]], round_gain: float, seed: int, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(states)) | st.just(len(states)))
    packed = end_to_end(states, data.draw(st.sampled_from(["u2", "u4", "i8"])))
    assert max_coverage(packed, budget, round_gain=round_gain).tolist() == oracles.max_coverage(
        states, budget, round_gain
    )
    # Few values, so that sums tie as well; copies of a state have scores of their own.
    flat = np.random.default_rng(seed).integers(-2, 3, size=len(packed[0])) / 2
    scores = [flat[start:stop].tolist() for start, stop in pairwise(packed[1])]
    expected = oracles.max_coverage(states, budget, round_gain, scores)
    for dtype in ("f2", "f4", "f8"):
        assert max_coverage(packed, budget, round_gain=round_gain, scores=flat.astype(dtype)).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(
    states=samples(), growth=st.sampled_from(["step", "sqrt"]), round_gain=st.sampled_from(ROUND_GAINS), data=st.data()
)
def test_weights_and_growth(states: list[list[int]], growth: str, round_gain: float, data: st.DataObject) -> None:
    budget = data.draw(st.integers(1, len(states)) | st.just(len(states)))
    packed = end_to_end(states)
    neurons = max((neuron for state in states for neuron in state), default=-1) + 1
    kind = data.draw(st.sampled_from(["ones", "rarity", "any"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    weights = {"ones": np.ones(neurons), "rarity": rarity(packed), "any": rng.gamma(0.5, size=neurons)}[kind]
    picks = weighted_coverage(
        packed,
        budget,
        weights=None if kind == "ones" else weights,
        growth=growth,  # type: ignore[arg-type]
        round_gain=round_gain,
    )
    assert picks.tolist() == oracles.weighted_coverage(states, budget, weights.tolist(), growth, round_gain)


def test_rarity_is_one_over_the_holders() -> None:
    assert rarity([[0, 3], [3], [], [3, 1]]).tolist() == [1.0, 1.0, 0.0, 1 / 3]


def test_every_form_of_the_same_states() -> None:
    rng = np.random.default_rng(1)
    held = rng.random((30, 50)) < 0.2
    rows = [np.flatnonzero(row).tolist() for row in held]
    expected = oracles.max_coverage(rows, 30, 0.1)
    shuffled = [rng.permutation([*row, *row[:2]]).tolist() for row in rows]
    for states in (held, rows, end_to_end(rows), shuffled):
        assert max_coverage(states, 30, round_gain=0.1).tolist() == expected
    matrix = np.argsort(rng.random((30, 50)), axis=1)[:, :7]
    picks = max_coverage(matrix, 30, round_gain=0.1)
    assert picks.tolist() == oracles.max_coverage(matrix.tolist(), 30, 0.1)
    scores = rng.integers(0, 9, size=matrix.shape).astype("f2")
    assert max_coverage(
        np.asfortranarray(matrix), 30, round_gain=0.1, scores=np.asfortranarray(scores)
    ).tolist() == oracles.max_coverage(matrix.tolist(), 30, 0.1, scores.astype(float).tolist())


def test_more_rows_than_two_bytes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.argsort(np.random.default_rng(2).random((60, 90)), axis=1)[:, :6]
    expected = max_coverage(states, 60, round_gain=0.2).tolist()
    monkeypatch.setattr(incidences, "TWO_BYTES", 10)
    assert max_coverage(states, 60, round_gain=0.2).tolist() == expected


def test_both_kernels_agree_at_a_larger_size() -> None:
    states = np.argsort(np.random.default_rng(3).random((1500, 400)) ** 3, axis=1)[:, :40]
    states = np.concatenate([states, states[:100]])
    for round_gain in (0.0, 0.05):
        rounds = max_coverage(states, 900, round_gain=round_gain)
        assert weighted_coverage(states, 900, round_gain=round_gain).tolist() == rounds.tolist()
    # The drift of 900 picks of incremental gains, against gains summed anew in every step.
    held = np.zeros((len(states), 400))
    np.put_along_axis(held, states, 1.0, axis=1)
    counts = np.zeros(400)
    picks: list[int] = []
    for _ in range(900):
        gains = held @ (1.0 / (np.sqrt(counts) + np.sqrt(counts + 1)))
        gains[picks] = -1.0
        picks.append(oracles.first_of_largest(gains))
        counts += held[picks[-1]]
    assert weighted_coverage(states, 900, growth="sqrt").tolist() == picks


def test_progress_is_told_between_picks() -> None:
    told: list[tuple[int, int]] = []
    max_coverage([[0], [1], [2]], 2, round_gain=0.0, progress=lambda done, total: told.append((done, total)))
    weighted_coverage([[0], [1], [2]], 2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)] * 2


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        ([[0], [1]], {"budget": 3}, "between 1 and the 2 rows"),
        ([[0], [1]], {"budget": 0}, "between 1 and the 2 rows"),
        ([], {}, "between 1 and the 0 rows"),
        ([[0]], {"round_gain": 1.5}, "share from 0 to 1"),
        ([[-1]], {}, "integers from 0"),
        (np.zeros((2, 2, 2), dtype=int), {}, "matrix"),
        (np.zeros((2, 2)), {}, "of type float64"),
        ((np.asarray([1, 2]), np.asarray([0, 1])), {}, "rise from 0 to the 2"),
        ((np.asarray([1, 2]), np.asarray([0, 2, 1, 2])), {}, "rise from 0 to the 2"),
        ((np.asarray([[1, 2]]), np.asarray([0, 2])), {}, "two arrays of one dimension"),
        ([[0, 1]], {"scores": np.ones(3)}, "shaped as the states"),
        (np.asarray([[0, 1], [1, 2]]), {"scores": np.ones(4)}, "shaped as the states"),
        ([[0, 1]], {"scores": np.asarray([1.0, np.nan])}, "not a number"),
    ],
)
def test_bad_input(states: object, options: dict[str, object], message: str) -> None:
    arguments = {"budget": 1, "round_gain": 0.0} | options
    with pytest.raises(ValueError, match=message):
        max_coverage(states, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.ones(2)}, "3 numbers"),
        ({"weights": -np.ones(3)}, "not negative"),
        ({"weights": np.full(3, np.nan)}, "not negative"),
        ({"growth": "log"}, "'step' or 'sqrt'"),
        ({"round_gain": -0.1}, "share from 0 to 1"),
    ],
)
def test_bad_weights(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weighted_coverage([[0, 2]], 1, **options)  # type: ignore[arg-type]
