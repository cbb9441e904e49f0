"""The skewed draw: its shares, its parts, and what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.skewed import skewed_counts
from suite.errors import ParameterError, SelectionError
from suite.pool import Pool, pool_from_records
from suite.registry import strategies

Select = Callable[..., np.ndarray]


def pool_of(sizes: list[int]) -> Pool:
    """A pool whose sources a, b, c, ... have the given sizes."""
    sources = [chr(ord("a") + number) for number, size in enumerate(sizes) for _ in range(size)]
    return pool_from_records(
        [{"id": str(row), "instruction": f"say {row}", "output": "yes", "source": s} for row, s in enumerate(sources)]
    )


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.floats(0, 1e6), st.data())
def test_counts_reach_the_budget_fall_with_the_rank_and_fit(
    sizes: list[int], power: float, data: st.DataObject
) -> None:
    budget = data.draw(st.integers(0, sum(sizes)))
    counts = skewed_counts(np.asarray(sizes), budget, power)
    assert counts.sum() == budget
    assert (counts <= sizes).all()
    free = counts[counts < sizes]
    assert (np.diff(free) <= 0).all()


@pytest.mark.parametrize("budget", [1, 7, 100, 999])
def test_counts_are_zipf_where_every_part_is_large(budget: int) -> None:
    counts = skewed_counts(np.full(4, 10_000), budget, 1.0)
    # 1 + 1/2 + 1/3 + 1/4 = 25/12: the shares are 12, 6, 4 and 3 of 25.
    ideal = [Fraction(budget * share, 25) for share in (12, 6, 4, 3)]
    assert all(abs(count - wanted) < 1 for count, wanted in zip(counts.tolist(), ideal, strict=True))


def test_a_small_part_gives_all_and_the_rest_keeps_its_proportions() -> None:
    assert skewed_counts(np.array([10, 500, 500]), 110, 1.0).tolist() == [10, 60, 40]
    assert skewed_counts(np.array([50, 50, 50]), 60, 1e5).tolist() == [50, 10, 0]


def test_shares_of_sources_and_a_random_order_of_them(select: Select) -> None:
    pool = pool_of([200, 200, 200, 200])
    source = np.asarray(pool.table.column("source").to_pylist())
    firsts: Counter[str] = Counter()
    for seed in range(40):
        picked = select("skewed:by=source", 100, seed=seed, samples=pool)
        shares = Counter(source[picked].tolist())
        assert sorted(shares.values()) == [12, 16, 24, 48]
        firsts[shares.most_common(1)[0][0]] += 1
        # Rows of all parts are mixed: the first half holds every part's share of it, about.
        assert len(set(source[picked[:50]].tolist())) == 4
    assert set(firsts) == set("abcd")


def test_rows_of_a_part_are_equally_likely(select: Select) -> None:
    pool = pool_of([30, 30])
    counts = np.zeros(60)
    for seed in range(600):
        counts[select("skewed:by=source", 20, seed=seed, samples=pool)] += 1
    # 200 draws a row on average; a part of 30 gives 13 or 7 at even odds, with a standard deviation near 12.
    assert counts.sum() == 12_000
    assert abs(counts - 200).max() < 60


def test_clusters_are_skewed(select: Select, pool: Pool) -> None:
    even, uneven = (select(f"skewed:power={power},clusters=8", 80, seed=2) for power in (0, 3))
    assert len(set(even.tolist())) == len(set(uneven.tolist())) == 80
    assert not np.array_equal(np.sort(even), np.sort(uneven))


def test_what_cannot_be_skewed(select: Select) -> None:
    with pytest.raises(SelectionError, match=r"one source \('a'\).*by=cluster"):
        select("skewed:by=source", 5, samples=pool_of([20]))
    for spec, reason in (
        ("skewed:power=-1", "power must be"),
        ("skewed:power=inf", "power must be"),
        ("skewed:clusters=1", "clusters must be"),
        ("skewed:by=length", "by='length'"),
    ):
        with pytest.raises(ParameterError, match=reason):
            strategies.parse(spec)
