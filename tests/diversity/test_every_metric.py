"""What holds for every registered metric, whoever wrote it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import EMPTY_ROWS, EQUAL_ROWS, Bench

from suite.errors import ParameterError, SelectionError
from suite.registry import metrics

NAMES = metrics.names()
TEXT = {"compression-ratio", "ngram-ratio", "self-bleu", "token-entropy", "ttr", "vocd-d"}
PAIRS = {"dist-sum-cosine", "dist-sum-l2", "embedding-distance", "knn-distance"}
ONE, ALIKE, COPIES, EMPTY, TWO = [40], [40] * 6, [*EQUAL_ROWS], [*EMPTY_ROWS], [3, 90]
ROWS = {"one pick": ONE, "one pick six times": ALIKE, "equal samples": COPIES, "empty": EMPTY, "two picks": TWO}

# What a metric without spread or without words gives; every other metric has a value of its own there.
DOCUMENTED: dict[tuple[str, str], float] = {
    ("one pick", "cluster-inertia"): 0.0,
    ("one pick", "log-det"): math.log(2),
    ("one pick", "novelsum"): 0.0,
    ("one pick", "partition-entropy"): 0.0,
    ("one pick", "radius"): 0.0,
    ("one pick", "vendi"): 1.0,
    ("one pick six times", "log-det"): math.log(7),
    ("one pick six times", "self-bleu"): 1.0,
    ("equal samples", "self-bleu"): 1.0,
    ("empty", "mean-length"): 0.0,
    **{
        (rows, name): value
        for rows in ("one pick six times", "equal samples")
        for name, value in {
            **dict.fromkeys([*PAIRS, "cluster-inertia", "novelsum", "partition-entropy", "radius"], 0.0),
            "vendi": 1.0,
        }.items()
    },
}
WITHOUT = {
    *(("empty", name) for name in TEXT),
    *(("one pick", name) for name in PAIRS | {"self-bleu"}),
    *((rows, "vocd-d") for rows in ("one pick", "equal samples")),  # under 50 tokens
}


def test_the_whole_table_is_here() -> None:
    assert not metrics.broken
    assert set(NAMES) >= TEXT | PAIRS
    assert {
        "cluster-inertia",
        "facility-location",
        "log-det",
        "mean-length",
        "novelsum",
        "partition-entropy",
        "radius",
        "vendi",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    cls = metrics.get(name)
    assert cls.info.paper
    assert cls.info.cost
    assert cls.info.family in ("lexical", "distance", "distribution", "both", "post-hoc")
    assert cls.info.deterministic
    first = (cls.__doc__ or "").partition("\n")[0]
    assert ("higher is" if cls.higher_is_diverse else "lower is") in first
    low = {"facility-location", "self-bleu", "compression-ratio"}
    assert cls.higher_is_diverse is (name not in low)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ROWS)
def test_a_number_or_one_clear_reason(name: str, kind: str, bench: Bench) -> None:
    spec = f"{name}:view=response" if kind == "empty" else name
    if (kind, name) in WITHOUT:
        with pytest.raises(SelectionError, match=name):
            bench.measure(spec, ROWS[kind])
        return
    value = bench.measure(spec, ROWS[kind])
    assert math.isfinite(value)
    if (kind, name) in DOCUMENTED:
        assert value == pytest.approx(DOCUMENTED[kind, name], abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.integers(0, 119), min_size=8, max_size=40), seed=st.integers(0, 1000))
def test_the_order_of_picks_is_nothing(name: str, bench: Bench, rows: list[int], seed: int) -> None:
    """Repeated rows included."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    try:
        value = bench.measure(name, rows)
    except SelectionError:
        assert name == "vocd-d"
        return
    assert bench.measure(name, shuffled) == value


@pytest.mark.parametrize("name", NAMES)
def test_a_spread_selection_is_the_more_diverse(name: str, bench: Bench) -> None:
    """Twenty picks from all over against the same four five times, such as `duplicate` makes."""
    if name == "mean-length":
        return
    spec = "cluster-inertia:clusters=2" if name == "cluster-inertia" else name
    spread = bench.measure(spec, [*range(60, 120, 3)])
    floor = bench.measure(spec, [*range(60, 120, 15)] * 5)
    assert spread > floor if metrics.get(name).higher_is_diverse else spread < floor


@pytest.mark.parametrize(
    "spec",
    [
        "knn-distance:neighbours=0",
        "novelsum:neighbours=0",
        "novelsum:distance_power=-1",
        "novelsum:density_power=inf",
        "log-det:regularisation=0",
        "partition-entropy:clusters=0",
        "cluster-inertia:iterations=0",
        "vocd-d:shortest=60",
        "ngram-ratio:longest=0",
        "self-bleu:samples=1",
        "compression-ratio:level=0",
        "vendi:view=neither",
    ],
)
def test_wrong_parameters_name_the_metric(spec: str) -> None:
    with pytest.raises(ParameterError, match=spec.partition(":")[0]):
        metrics.parse(spec)
