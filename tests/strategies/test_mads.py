"""MADS covers the states that its feature gives, as the literal form does, under every reading."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import oracles
import pytest

from strategies.mads import Mads
from suite.errors import BreadthError, FeatureError, SelectionError
from suite.features import TrackContext
from suite.features.activations import NeuronSets
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.registry import strategies

Select = Callable[..., np.ndarray]


def held(strategy: Mads, pool: Pool, track: TrackContext, store: FeatureStore) -> tuple[list[list[int]], NeuronSets]:
    """The states of a pool as lists, and as the feature gives them."""
    found = compute_features(strategy.requires(track), pool, track, store)
    sets = found.features[strategy.requires(track)[0]]
    return [row.tolist() for row in map(sets.__getitem__, range(len(pool)))], sets


@pytest.fixture(scope="module")
def some(pool: Pool) -> Pool:
    return pool_from_records(
        [
            {"id": sample.id, "instruction": sample.instruction, "output": sample.output}
            for sample in pool.samples(np.arange(80))
        ]
    )


@pytest.mark.parametrize("round_gain", [0.0, 0.01, 0.4, 1.0])
@pytest.mark.parametrize("spec", ["mads:density=0.1", "mads:density=0.05,activation=product", "mads:state=sign"])
def test_rounds(
    spec: str, round_gain: float, some: Pool, track: TrackContext, store: FeatureStore, select: Select
) -> None:
    strategy = strategies.parse(f"{spec},round_gain={round_gain}")
    assert isinstance(strategy, Mads)
    states, sets = held(strategy, some, track, store)
    scores = None
    if sets.scores is not None:
        flat = sets.scores.astype(np.float64)
        scores = [flat[start:stop].tolist() for start, stop in pairwise(sets.offsets)]
    expected = oracles.max_coverage(states, 60, round_gain, scores)
    assert select(strategy, 60, samples=some).tolist() == expected


@pytest.mark.parametrize("objective", ["sqrt", "rarity"])
def test_objectives(objective: str, some: Pool, track: TrackContext, store: FeatureStore, select: Select) -> None:
    strategy = Mads(objective=objective, density=0.1, round_gain=0.2)  # type: ignore[arg-type]
    states, _ = held(strategy, some, track, store)
    neurons = max(map(max, states)) + 1
    counts = np.bincount(np.concatenate([np.asarray(state) for state in states]), minlength=neurons)
    weights = np.ones(neurons) if objective == "sqrt" else 1.0 / np.maximum(counts, 1)
    expected = oracles.weighted_coverage(
        states,
        50,
        weights.tolist(),
        "sqrt" if objective == "sqrt" else "step",
        0.0 if objective == "sqrt" else 0.2,
    )
    assert select(strategy, 50, samples=some).tolist() == expected


def test_samples_without_a_response_token_come_last(some: Pool, select: Select) -> None:
    records = [
        {"id": sample.id, "instruction": sample.instruction, "output": "" if row in (0, 3) else sample.output}
        for row, sample in enumerate(some.samples())
    ]
    picks = select("mads:density=0.1", 80, samples=pool_from_records(records))
    assert picks[-2:].tolist() == [0, 3]


@pytest.mark.parametrize("objective", ["rounds", "sqrt", "rarity"])
def test_no_state_at_all_is_an_error_and_no_order_of_the_pool(objective: str, some: Pool, select: Select) -> None:
    with pytest.raises(SelectionError, match=r"finds no state among the 80 samples: .* Raise max_length=1,"):
        select(f"mads:max_length=1,objective={objective}", 10, samples=some)


@pytest.mark.parametrize(("empty", "warned"), [(4, False), (5, True)])
def test_many_samples_without_a_state_are_counted(empty: int, warned: bool, some: Pool, select: Select) -> None:
    records = [
        {"id": sample.id, "instruction": sample.instruction, "output": "" if row < empty else sample.output}
        for row, sample in enumerate(some.samples())
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        select("mads:density=0.1", 10, samples=pool_from_records(records))
    counted = [str(one.message) for one in caught if "no state" in str(one.message)]
    assert counted == [text for text in counted if text.startswith(f"{empty} of 80 samples")]
    assert len(counted) == warned


def test_the_model_may_be_named(tiny_base: Path, some: Pool, select: Select, track: TrackContext) -> None:
    named = Mads(model=str(tiny_base), density=0.1)
    assert np.array_equal(select(named, 20, samples=some), select(Mads(density=0.1), 20, samples=some))
    nameless = TrackContext("test", len(some))
    with pytest.raises(FeatureError, match="No model is known"):
        Mads().requires(nameless)[0].resolve(nameless)


@pytest.mark.parametrize(
    "written", ["round_gain=2", "density=0", "density=1.01", "standardise=-1", "aggregate=sum", "objective=log"]
)
def test_parameters_written_wrong(written: str) -> None:
    with pytest.raises(BreadthError, match=written.split("=")[0]):
        strategies.parse(f"mads:{written}")
