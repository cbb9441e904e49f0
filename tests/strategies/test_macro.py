"""Macro-level diversity: the largest types are kept, sampled evenly, with their lengths matched where that is asked."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pruned_levels import keep_largest_types
from type_samples import SAMPLES, incidences_of

from strategies.even_sampling import EvenSampler, LengthTarget, even_selection
from strategies.macro import topic_incidences
from suite.errors import ParameterError, SelectionError
from suite.features import TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.registry import HasLevels, strategies

Select = Callable[..., np.ndarray]


def literal_levels(samples: list[list[int]], budget: int, diversity: float) -> tuple[list[int], list[int]]:
    """The rows and types of a level, written out: the k types that most samples hold, and who holds one of them."""
    holders = {kind: {row for row, held in enumerate(samples) if kind in held} for held in samples for kind in held}
    order = sorted(holders, key=lambda kind: (-len(holders[kind]), kind))
    fewest = next(k for k in range(1, len(order) + 1) if len(set().union(*map(holders.get, order[:k]))) >= budget)  # type: ignore[arg-type]
    kept = order[: round(fewest + diversity * (len(order) - fewest))]
    return sorted(set().union(*map(holders.__getitem__, kept))), sorted(kept)


@settings(max_examples=200, deadline=None)
@given(samples=SAMPLES, share=st.floats(0, 1), diversity=st.floats(0, 1))
def test_the_largest_types_are_kept(samples: list[list[int]], share: float, diversity: float) -> None:
    incidences = incidences_of(samples)
    holding = sum(bool(held) for held in samples)
    budget = max(1, round(share * holding))
    if budget > holding:
        with pytest.raises(SelectionError, match=f"cannot pick {budget} samples: only {holding} hold one"):
            keep_largest_types(incidences, budget, diversity, strategy="test")
        return
    rows, types = keep_largest_types(incidences, budget, diversity, strategy="test")
    assert (rows.tolist(), types.tolist()) == literal_levels(samples, budget, diversity)


@settings(max_examples=200, deadline=None)
@given(samples=SAMPLES, share=st.floats(0, 1), diversity=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_even_sampling_takes_a_type_of_the_smallest_count(
    samples: list[list[int]], share: float, diversity: float, seed: int
) -> None:
    incidences = incidences_of(samples)
    budget = round(share * sum(bool(held) for held in samples))
    if not budget:
        return
    rows, types = keep_largest_types(incidences, budget, diversity, strategy="test")
    kept = set(types.tolist())
    held = {row: set(samples[row]) & kept for row in rows.tolist()}
    counts, unused = dict.fromkeys(kept, 0), set(held)
    for row in EvenSampler(incidences.of(rows, types), types, None, np.random.default_rng(seed)).draw(budget):
        smallest = min(counts[kind] for other in unused for kind in held[other])
        assert row in unused
        assert any(counts[kind] == smallest for kind in held[row])
        unused.remove(row)
        for kind in held[row]:
            counts[kind] += 1
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        picked = even_selection(incidences, rows, types, budget, np.random.default_rng(seed)).tolist()
    assert len(picked) == len(set(picked)) == budget
    assert set(picked) <= held.keys()
    present = Counter(kind for row in picked for kind in held[row])
    assert bool(kept - present.keys()) == bool(said)
    if said:
        # Only where no picked row could go: each is the only holder of a type.
        assert all(any(present[kind] == 1 for kind in held[row]) for row in picked)


@settings(max_examples=200, deadline=None)
@given(samples=SAMPLES, share=st.floats(0, 1), diversity=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_matching_lengths_never_loses_a_type_or_a_sample(
    samples: list[list[int]], share: float, diversity: float, seed: int
) -> None:
    incidences = incidences_of(samples)
    budget = round(share * sum(bool(held) for held in samples))
    if not budget:
        return
    rows, types = keep_largest_types(incidences, budget, diversity, strategy="test")
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 60, size=len(samples))
    target = LengthTarget(lengths, float(lengths.mean()))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        picked = even_selection(incidences, rows, types, budget, rng, lengths=target).tolist()
    assert len(picked) == len(set(picked)) == budget
    assert set(picked) <= set(rows.tolist())
    off = abs(lengths[picked].mean() - target.mean) > 0.005 * target.mean
    assert off == any("mean response length" in str(warning.message) for warning in said)
    kept = set(types.tolist())
    absent = kept - {kind for row in picked for kind in samples[row]}
    assert bool(absent) == any("types are absent" in str(warning.message) for warning in said)


def test_levels_out_of_reach_name_the_smallest_that_is_not() -> None:
    # Type k holds 10 - k samples of its own: 10 + 9 + 8 = 27 samples need three types.
    incidences = incidences_of([[kind] for kind in range(10) for _ in range(10 - kind)])
    rows, types = keep_largest_types(incidences, 27, 0.0, strategy="test")
    assert types.tolist() == [0, 1, 2]
    assert len(rows) == 27
    with pytest.raises(SelectionError, match=r"at diversity 0\.1: 2 of its 10 types .* level is 0\.2223 \(3 types\)"):
        keep_largest_types(incidences, 27, 0.1, strategy="test", least=1)
    assert len(keep_largest_types(incidences, 27, 0.2223, strategy="test", least=1)[1]) == 3
    with pytest.raises(SelectionError, match="cannot pick 56 samples: only 55 hold one of its 10 types"):
        keep_largest_types(incidences, 56, 1.0, strategy="test")
    with pytest.raises(SelectionError, match="only 0 hold one of its 0 types"):
        keep_largest_types(incidences_of([[], []]), 1, 1.0, strategy="test")


def test_dropped_types_neither_draw_nor_count() -> None:
    # Type 9 is rare and dropped; the sample that holds it too stays a candidate by its kept type.
    samples = [[0], [0, 9], [1], [1], [0], [1]]
    incidences = incidences_of(samples)
    rows, types = keep_largest_types(incidences, 6, 0.0, strategy="test")
    assert types.tolist() == [0, 1]
    assert incidences.of(rows, types)[1] == [0]
    picked = even_selection(incidences, rows, types, 4, np.random.default_rng(0))
    assert Counter(samples[row][0] for row in picked) == {0: 2, 1: 2}


def test_noise_is_no_topic() -> None:
    found = topic_incidences(np.asarray([1, -1, 0, -1, 1]))
    assert found.types.tolist() == [1, 0, 1]
    assert found.offsets.tolist() == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("name", ["macro-instruction", "macro-response", "micro-instruction", "micro-response"])
def test_reports_count_what_levels_keep(
    name: str, select: Select, pool: Pool, track: TrackContext, store: FeatureStore
) -> None:
    reports = []
    for diversity in (0.0, 0.5, 1.0):
        strategy = strategies.parse(f"{name}:diversity={diversity}")
        assert isinstance(strategy, HasLevels)
        rows = select(strategy, 60)
        features = compute_features(strategy.requires(track), pool, track, store).features
        reports.append(strategy.level_report(rows, features=features))
    low, middle, high = reports
    assert low.kept_types == low.fewest_types < middle.kept_types < high.kept_types == high.all_types
    for report in reports:
        assert report.covered_kept_types == min(report.kept_types, report.covered_kept_types) <= report.covered_types
    if name.startswith("macro"):
        assert all(report.covered_kept_types == report.kept_types for report in reports)


@pytest.mark.parametrize("name", ["macro-instruction", "macro-response", "micro-instruction", "micro-response"])
def test_length_matches_at_every_level(
    name: str, select: Select, pool: Pool, track: TrackContext, store: FeatureStore
) -> None:
    from suite.features import Tokens

    wanted = Tokens(view="response")
    lengths = compute_features([wanted], pool, track, store).features[wanted].lengths
    for diversity in (0.0, 0.5, 1.0):
        rows = select(f"{name}:diversity={diversity},match_length=true", 60)
        assert abs(lengths[rows].mean() / lengths.mean() - 1) < 0.02
        longer = select(f"{name}:diversity={diversity},match_length=true,target_length={1.2 * lengths.mean()}", 60)
        assert abs(lengths[longer].mean() / lengths.mean() - 1.2) < 0.02


@pytest.mark.parametrize("written", ["target_length=9", "match_length=true,target_length=0"])
def test_a_length_alone_means_nothing(written: str) -> None:
    with pytest.raises(ParameterError, match="target_length goes with match_length"):
        strategies.parse(f"macro-response:{written}")


def test_lengths_that_nothing_can_match(select: Select, pool: Pool) -> None:
    # Half of the pool has no type and long responses; what can be picked is short at any level.
    short = [{"id": f"s{i}", "instruction": "say it", "output": "yes no"} for i in range(40)]
    long = [{"id": f"l{i}", "instruction": "tell", "output": "q" * 300} for i in range(40)]
    with pytest.raises(SelectionError, match=r"20 samples with a mean response of \d+\.\d tokens, at any level"):
        select("micro-response:match_length=true,common=60", 20, samples=pool_from_records(short + long))


def test_a_pool_that_is_all_noise(select: Select, pool: Pool) -> None:
    few = pool_from_records([{"id": str(i), "instruction": f"count to {i}", "output": "one two"} for i in range(4)])
    with pytest.raises(
        SelectionError, match=r"no topic among the 4 samples by their instruction: .*min_cluster_size=5"
    ):
        select("macro-instruction", 2, samples=few)
    with pytest.raises(SelectionError, match="no topic among the 600 samples by their response: all are noise"):
        select("macro-response:min_cluster_size=601", 2)


def test_parameters_change_the_picks(select: Select) -> None:
    plain = select("macro-response:diversity=0.5", 60)
    for changed in ("components=4", "min_cluster_size=9", "min_samples=3", "match_length=true", "least_types=12"):
        assert not np.array_equal(plain, select(f"macro-response:diversity=0.5,{changed}", 60))
