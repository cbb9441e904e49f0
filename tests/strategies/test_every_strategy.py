"""What holds for every registered strategy, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.pool import Pool, pool_from_records
from suite.registry import strategies
from suite.selection import checked_rows

Select = Callable[..., np.ndarray]
# Index-only rows are of one public pool; tests/strategies/test_published.py holds them to the same on a small one.
INDEX_ONLY = ["published"]
NAMES = [name for name in strategies.names() if name not in INDEX_ONLY]


def test_all_built_ins_are_here() -> None:
    assert not strategies.broken
    assert {
        "duplicate",
        "facility-location",
        "farthest",
        "full",
        "k-center",
        "k-means",
        "longest",
        "macro-instruction",
        "macro-response",
        "mads",
        "meso-instruction",
        "meso-response",
        "micro-instruction",
        "micro-response",
        "novelselect",
        "oracle",
        "random",
        "random-length-matched",
        "repr-filter",
        "skewed",
    } <= set(NAMES)
    assert [cls.info.name for cls in strategies if cls.index_only] == INDEX_ONLY
    assert {cls.info.name for cls in strategies if cls.degenerate} == {"duplicate", "skewed"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [1, 7, 120])
def test_exact_budget_of_different_rows_in_range(name: str, budget: int, select: Select, pool: Pool) -> None:
    strategy = strategies.parse(name)
    picked = select(name, budget)
    rows = checked_rows(
        picked,
        strategy=name,
        pool_size=len(pool),
        size=strategy.size(len(pool), budget),
        allow_repeats=strategy.allows_repeats,
    )
    assert picked.dtype == np.int64
    assert np.array_equal(rows, picked)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_rows_and_another_seed_other_rows(name: str, select: Select) -> None:
    strategy = strategies.parse(name)
    first = select(name, 50, seed=3)
    assert np.array_equal(first, select(name, 50, seed=3))
    if strategy.info.deterministic:
        assert np.array_equal(first, select(name, 50, seed=4))
    else:
        assert not np.array_equal(first, select(name, 50, seed=4))


# Five equal samples have neither ten occurrences of a token nor a cluster among them: no type at all.
WITHOUT_TYPES = ("macro-instruction", "macro-response", "micro-response", "random-length-matched")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_TYPES])
def test_a_pool_of_five_copies(name: str, select: Select) -> None:
    if strategies.get(name).reference:
        pytest.skip("reference strategies know pools of their own")
    copies = pool_from_records([{"id": str(i), "instruction": "name a colour", "output": "green"} for i in range(5)])
    picked = select(name, 5, samples=copies)
    assert len(picked) == 5
    assert strategies.get(name).allows_repeats or sorted(picked) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", NAMES + INDEX_ONLY)
def test_facts_for_the_reader(name: str) -> None:
    cls = strategies.get(name)
    assert cls.__doc__
    assert cls.info.cost
    assert cls.info.level in ("macro", "meso", "micro", "embedding", "model-aware", "baseline")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_the_one_line_form_gives_the_strategy_back(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES + INDEX_ONLY))
    changes = {
        "k-means": {"clusters": st.integers(1, 10**6), "view": st.sampled_from(["instruction", "response", "both"])},
        "duplicate": {"times": st.integers(1, 10**6)},
        "facility-location": {
            "quality": st.sampled_from(["none", "length", "scores.parquet", "a/b=c.parquet"]),
            "quality_weight": st.floats(0, 1e6, allow_nan=False),
            "neighbours": st.integers(0, 10**6),
        },
        "repr-filter": {
            "threshold": st.floats(-0.99, 1),
            "quality": st.sampled_from(["none", "length", "scores.parquet"]),
        },
        "macro-response": {
            "diversity": st.floats(0, 1),
            "reduction": st.sampled_from(["pca", "umap"]),
            "min_cluster_size": st.none() | st.integers(2, 10**6),
            "match_length": st.booleans(),
        },
        "micro-response": {
            "diversity": st.floats(0, 1),
            "rare": st.none() | st.integers(1, 100),
            "match_length": st.booleans(),
        },
        "meso-response": {
            "tagger": st.none() | st.sampled_from(["keyphrases?words=3", "engine:./tagger?batch_size=8"]),
            "similarity": st.floats(0.1, 2),
            "match_length": st.booleans(),
        },
        "mads": {
            "model": st.sampled_from(["", "owner/name", "owner/name@v1"]),
            "density": st.floats(1e-4, 1),
            "round_gain": st.floats(0, 1),
            "objective": st.sampled_from(["rounds", "sqrt", "rarity"]),
        },
        "published": {"set": st.sampled_from(["alpagasus-claude", "alpagasus-random", "car"])},
        "skewed": {
            "by": st.sampled_from(["cluster", "source"]),
            "power": st.floats(0, 1e6),
            "clusters": st.integers(2, 10**6),
        },
        "random-length-matched": {"like": st.sampled_from(["longest", "k-center"]), "bins": st.integers(1, 99)},
    }.get(name, {})
    parameters = {key: data.draw(values) for key, values in changes.items()}
    cls = strategies.get(name)
    strategy = strategies.build(cls, {key: value for key, value in parameters.items() if value is not None})
    again = strategies.parse(strategy.spec)
    assert again == strategy
    assert again.spec == strategy.spec
