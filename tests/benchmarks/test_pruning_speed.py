"""Reverse greedy pruning against its literal form, and at the size of the 117k pool against numpy.

At full size its seconds are asserted too, and stand in the table's extra columns.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import oracles
import pytest
from alternating import compare, seconds_in_turns
from growth import Growth
from pytest_benchmark.fixture import BenchmarkFixture

from strategies.kernels import reverse_greedy_prune

pytestmark = pytest.mark.benchmark(timer=time.process_time)
FULL = (117_000, 25, 15_000)
KEPT_TYPES = 1_000
SECONDS = 0.2


def zipf_samples(count: int, held: int, types: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.zipf(1.3, size=count * held) % types, np.arange(count + 1) * held


def as_lists(samples: tuple[np.ndarray, np.ndarray]) -> list[list[int]]:
    flat, offsets = samples
    return [flat[start:stop].tolist() for start, stop in pairwise(offsets)]


def distinct_incidences(
    samples: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Types by sample, their offsets, samples by type, their offsets; a type counts once a sample."""
    flat, offsets = samples
    kinds = int(flat.max()) + 1
    keys = np.unique(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)) * kinds + flat)
    rows, held = keys // kinds, keys % kinds
    by_type = np.argsort(held, kind="stable")
    return (
        held,
        np.searchsorted(rows, np.arange(len(offsets))),
        rows[by_type],
        np.searchsorted(held[by_type], np.arange(kinds + 1)),
    )


def numpy_prune_types(samples: tuple[np.ndarray, np.ndarray], keep: int) -> list[int]:
    """Counts kept up to date; the fewest found by a pass over all types."""
    held, offsets, holders, starts = distinct_incidences(samples)
    counts = np.diff(starts)
    left = np.ones(len(offsets) - 1, dtype=np.bool_)
    while np.count_nonzero(counts) > keep:
        kind = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
        gone = holders[starts[kind] : starts[kind + 1]]
        gone = gone[left[gone]]
        left[gone] = False
        dropped = np.concatenate([held[offsets[row] : offsets[row + 1]] for row in gone])
        counts -= np.bincount(dropped, minlength=len(counts))
    return np.flatnonzero(left).tolist()


def numpy_prune_samples(samples: tuple[np.ndarray, np.ndarray], keep: int) -> list[int]:
    """Contributions kept up to date; the least found by a pass over all samples."""
    held, offsets, holders, starts = distinct_incidences(samples)
    counts = np.diff(starts)
    left = np.ones(len(offsets) - 1, dtype=np.bool_)
    alone = counts == 1
    contribution = np.bincount(holders[starts[:-1][alone]], minlength=len(left))
    types_left = np.count_nonzero(counts)
    while types_left > keep:
        row = int(np.argmin(contribution))
        left[row] = False
        contribution[row] = len(counts) + 1
        types = held[offsets[row] : offsets[row + 1]]
        counts[types] -= 1
        types_left -= np.count_nonzero(counts[types] == 0)
        for kind in types[counts[types] == 1]:
            last = holders[starts[kind] : starts[kind + 1]]
            contribution[last[left[last]]] += 1
    return np.flatnonzero(left).tolist()


def test_dropping_types(benchmark: BenchmarkFixture) -> None:
    samples = zipf_samples(4_000, 10, 600)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, 400),
        lambda: oracles.prune_types(as_lists(samples), 400),
        floor=50,
    )
    assert ours.tolist() == literal


def test_dropping_samples(benchmark: BenchmarkFixture) -> None:
    samples = zipf_samples(500, 6, 200)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, 50, unit="sample"),
        lambda: oracles.prune_samples(as_lists(samples), 50),
        floor=50,
    )
    assert ours.tolist() == literal


def test_dropping_types_at_full_size(benchmark: BenchmarkFixture) -> None:
    """117,000 samples, 2.9 million incidences; in 0.2 s at most."""
    samples = zipf_samples(*FULL)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, KEPT_TYPES),
        lambda: numpy_prune_types(samples, KEPT_TYPES),
        floor=10,
        peer="numpy, counts kept",
    )
    assert benchmark.extra_info["ours_seconds"] <= SECONDS
    assert ours.tolist() == literal


def test_dropping_samples_at_full_size(benchmark: BenchmarkFixture) -> None:
    """117,000 samples, 2.9 million incidences; in 0.2 s at most."""
    samples = zipf_samples(*FULL)
    ours, literal = compare(
        benchmark,
        lambda: reverse_greedy_prune(samples, KEPT_TYPES, unit="sample"),
        lambda: numpy_prune_samples(samples, KEPT_TYPES),
        floor=40,
        rounds=1,
        peer="numpy, contributions kept",
    )
    assert benchmark.extra_info["ours_seconds"] <= SECONDS
    assert ours.tolist() == literal


@pytest.mark.parametrize("unit", ["type", "sample"])
def test_growth_of_pruning(benchmark: BenchmarkFixture, growth: Growth, unit: Literal["type", "sample"]) -> None:
    """Time in the samples, with types and the types kept in proportion."""
    counts = [15_000, 30_000, 60_000, 117_000]
    made = [zipf_samples(count, 25, count // 8) for count in counts]
    forms = [partial(reverse_greedy_prune, given, n // 117, unit=unit) for given, n in zip(made, counts, strict=True)]
    seconds = seconds_in_turns(forms)
    benchmark.pedantic(lambda: reverse_greedy_prune(made[0], counts[0] // 117, unit=unit), rounds=1)
    # Incidences of the larger sizes outgrow the cache, and they are followed in no order.
    assert growth.record("rows with their types", counts, seconds) <= 1.5
