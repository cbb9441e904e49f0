"""Micro-level diversity: types, levels, even sampling and presence, and the numbers known of the 117k pool."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pruned_levels import Level, prune_to_level
from type_samples import SAMPLES, incidences_of

from strategies.even_sampling import LengthTarget, even_selection
from strategies.kernels import pruning_path
from strategies.micro import mid_frequency_incidences
from suite.errors import ParameterError, SelectionError
from suite.features import TokenLists, Tokens, TrackContext, View
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool
from suite.registry import strategies

Select = Callable[..., np.ndarray]


def test_mid_frequency_counts_occurrences_and_not_samples() -> None:
    lists = [[7, 7, 7], [1, 2], [1, 2, 3], [2, 9]]
    tokens = TokenLists(
        np.asarray([token for ids in lists for token in ids], dtype=np.uint32), np.asarray([0, 3, 5, 8, 10])
    )
    found = mid_frequency_incidences(tokens, 2, 3)
    assert found.types.tolist() == [7, 7, 7, 1, 2, 1, 2, 2]
    assert found.offsets.tolist() == [0, 3, 5, 7, 8]
    assert mid_frequency_incidences(tokens, 2, 2).types.tolist() == [1, 1]


@settings(max_examples=200, deadline=None)
@given(
    samples=SAMPLES,
    share=st.floats(0, 1),
    diversity=st.floats(0, 1),
    unit=st.sampled_from(["type", "sample"]),
    recount=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_level_gives_the_budget_over_the_types_that_are_left(
    samples: list[list[int]], share: float, diversity: float, unit: str, recount: bool, seed: int
) -> None:
    incidences = incidences_of(samples)
    holding = sum(bool(held) for held in samples)
    budget = max(1, round(share * holding))
    level = Level(diversity, unit, recount)  # type: ignore[arg-type]
    if budget > holding:
        with pytest.raises(SelectionError, match="cannot pick"):
            prune_to_level(incidences, budget, level, strategy="test")
        return
    rows, types = prune_to_level(incidences, budget, level, strategy="test")
    kinds = {kind for row in rows for kind in samples[row]}
    assert len(rows) >= budget
    assert kinds == set(types.tolist())
    assert all(samples[row] for row in rows)
    if diversity == 1:
        assert len(rows) == holding
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        picked = even_selection(incidences, rows, types, budget, np.random.default_rng(seed)).tolist()
    assert len(set(picked)) == budget
    assert set(picked) <= set(rows.tolist())
    absent = kinds - {kind for row in picked for kind in samples[row]}
    assert bool(absent) == bool(said)
    if absent:
        # Only when no picked row could go: each holds a type that no other pick holds.
        counts = Counter(kind for row in picked for kind in set(samples[row]))
        assert f"{len(absent)} of {len(kinds)} types are absent" in str(said[0].message)
        assert all(any(counts[kind] == 1 for kind in set(samples[row])) for row in picked)


def test_more_diversity_is_more_types() -> None:
    rng = np.random.default_rng(1)
    incidences = incidences_of([list(rng.integers(0, 60, size=3)) for _ in range(300)])
    kept = [len(prune_to_level(incidences, 40, Level(p), strategy="test")[1]) for p in (0, 0.25, 0.5, 0.75, 1)]
    assert kept == sorted(kept)
    assert kept[0] < kept[2] < kept[4] == 60
    path = pruning_path((incidences.types, incidences.offsets))
    rows, types = prune_to_level(incidences, 40, Level(0.0), strategy="test")
    below = path.state(len(types) - 1)
    assert len(rows) >= 40 > path.samples_left[below]


def test_even_sampling_follows_the_smallest_count() -> None:
    # Type 0 is in 90 samples, types 1 to 3 in 10 each: evenly drawn, each gives a quarter while it lasts.
    samples = [[0]] * 90 + [[kind] for kind in (1, 2, 3) for _ in range(10)]
    incidences = incidences_of(samples)
    rows, types = prune_to_level(incidences, 40, Level(1.0), strategy="test")
    picked = even_selection(incidences, rows, types, 40, np.random.default_rng(0))
    assert Counter(samples[row][0] for row in picked) == {0: 10, 1: 10, 2: 10, 3: 10}
    more = even_selection(incidences, rows, types, 60, np.random.default_rng(0))
    assert Counter(samples[row][0] for row in more) == {0: 30, 1: 10, 2: 10, 3: 10}


def test_ties_are_broken_evenly() -> None:
    incidences = incidences_of([[0], [1], [2], [0, 1]])
    rows, types = np.arange(4), np.arange(3)
    firsts = Counter(
        int(even_selection(incidences, rows, types, 3, np.random.default_rng(seed))[0]) for seed in range(3000)
    )
    # Each type is first in a third of the draws; types 0 and 1 share row 3 with their own.
    expected = {0: 500, 1: 500, 2: 1000, 3: 1000}
    assert all(abs(firsts[row] - count) < 120 for row, count in expected.items())


def test_length_is_matched_at_every_level() -> None:
    rng = np.random.default_rng(2)
    # Samples of rare types are long: without matching, the levels differ in length.
    samples = [list(rng.zipf(1.6, size=3) % 50) for _ in range(2000)]
    lengths = np.asarray([5 + max(held) // 2 + int(rng.integers(40)) for held in samples])
    incidences = incidences_of(samples)
    target = LengthTarget(lengths, float(lengths.mean()))
    means = {}
    for matched in (None, target):
        for level in (0.3, 1.0):
            rows, types = prune_to_level(incidences, 200, Level(level), strategy="test")
            picked = even_selection(incidences, rows, types, 200, np.random.default_rng(0), lengths=matched)
            means[matched is not None, level] = lengths[picked].mean()
    assert abs(means[False, 1.0] - target.mean) > 5
    assert abs(means[True, 1.0] - target.mean) < 2
    assert abs(means[True, 1.0] - means[True, 0.3]) < abs(means[False, 1.0] - means[False, 0.3])


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="between 0 and 1"):
        strategies.parse("micro-response:diversity=1.5")
    with pytest.raises(ParameterError, match="'type' or 'sample'"):
        strategies.parse("micro-response:pruning=both")


def test_a_budget_out_of_reach_says_how_far_the_types_reach(select: Select) -> None:
    with pytest.raises(SelectionError, match=r"cannot pick 600 samples: only \d+ hold one of its \d+ types"):
        select("micro-response:common=11", 600)
    with pytest.raises(SelectionError, match="finds no token that occurs 1000000 to 1000001 times in the response"):
        select("micro-response:rare=1000000,common=1000001", 1)


def test_ablations_pick_other_rows(select: Select) -> None:
    plain = select("micro-response:diversity=0.5", 100)
    for changed in ("unit=word", "match_length=true", "recount=false", "pruning=sample", "common=40"):
        assert not np.array_equal(plain, select(f"micro-response:diversity=0.5,{changed}", 100))


@pytest.mark.parametrize(
    ("view", "types", "samples"),
    [
        ("response", 14_557, [109_201, 61_158, 16_045]),
        pytest.param("instruction", 13_485, [109_453, 68_725, 16_065], marks=pytest.mark.long),
    ],
)
def test_the_117k_pool(view: View, types: int, samples: list[int], breadth_data: Path, tmp_path: Path) -> None:
    """Known with Llama-2's tokenizer: how many types there are, and how many samples pruning leaves.

    The numbers of the design come from the order of the first counts, samples without a type included.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(breadth_data / "pools" / "open-117k.parquet")
    pool = Pool(table=table, fingerprint="open-117k as it lies on disk")
    tokenizer = str(breadth_data / "models" / "llama2-tokenizer" / "tokenizer.model")
    track = TrackContext("m2m", len(pool), tokenizer=tokenizer)
    wanted = Tokens(view=view)
    tokens = compute_features([wanted], pool, track, FeatureStore(tmp_path)).features[wanted]
    incidences = mid_frequency_incidences(tokens, track.rare_token_count, track.common_token_count)
    path = pruning_path((incidences.types, incidences.offsets), recount=False)
    assert path.types_left[0] == types
    left = [path.samples_left[path.state(round(share * types))] for share in (0.9, 0.5, 0.1)]
    assert left == samples
    if view == "response":
        assert round(100 * np.mean(np.diff(incidences.offsets) == 0)) == 7
        recounted = pruning_path((incidences.types, incidences.offsets))
        assert recounted.samples_left[recounted.state(1_456)] > 16_045
