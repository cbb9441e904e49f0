"""Overlap against chance: exact where it is exact, and close to the permutation law it stands for elsewhere."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suite.statistics.set_overlap import expected_jaccard, overlap_p, shared_rows


@settings(deadline=None)
@given(st.integers(3, 8), st.data())
def test_expected_jaccard_is_the_mean_over_all_draws(pool: int, data: st.DataObject) -> None:
    first, second = (data.draw(st.integers(1, pool)) for _ in range(2))
    fixed = set(range(first))
    draws = [set(draw) for draw in combinations(range(pool), second)]
    mean = sum(Fraction(len(fixed & draw), len(fixed | draw)) for draw in draws) / len(draws)
    assert expected_jaccard(pool, first, second) == pytest.approx(float(mean))
    assert expected_jaccard(pool, second, first) == pytest.approx(float(mean))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 11), (11, 3)])
def test_draws_that_do_not_fit(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit a pool of 10"):
        expected_jaccard(10, *sizes)


@settings(deadline=None)
@given(st.lists(st.lists(st.sets(st.integers(0, 11), min_size=1), min_size=1, max_size=3), min_size=2, max_size=2))
def test_shared_rows_are_means_over_every_pair_of_draws(families: list[list[set[int]]]) -> None:
    first, second = families
    pairs = [(one, other) for one in first for other in second]
    found = shared_rows(*([np.array(sorted(draw)) for draw in family] for family in families), 12)
    assert found.shared == pytest.approx(np.mean([len(one & other) for one, other in pairs]))
    assert found.jaccard == pytest.approx(np.mean([len(one & other) / len(one | other) for one, other in pairs]))
    assert found.expected == pytest.approx(np.mean([len(one) * len(other) / 12 for one, other in pairs]))
    chance = [expected_jaccard(12, len(one), len(other)) for one, other in pairs]
    assert found.chance_jaccard == pytest.approx(np.mean(chance))


def test_a_family_without_draws_shares_nothing_that_could_be_told() -> None:
    with pytest.raises(ValueError, match="a draw on either side"):
        shared_rows([], [np.arange(3)], 10)


def held(pool: int, *draws: list[int]) -> np.ndarray:
    """How many draws hold each row."""
    return np.bincount(np.concatenate(draws), minlength=pool)


def test_two_single_selections_are_tested_exactly() -> None:
    # 3 of 3 rows in common out of 9: one draw of the 84 possible.
    assert overlap_p(held(9, [0, 1, 2]), held(9, [0, 1, 2])) == pytest.approx(2 / comb(9, 3))
    none = overlap_p(held(9, [0, 1, 2]), held(9, [3, 4, 5]))
    assert none == pytest.approx(2 * comb(6, 3) / comb(9, 3))
    fisher = stats.fisher_exact([[2, 4], [4, 90]], alternative="greater").pvalue
    assert overlap_p(held(100, [*range(6)]), held(100, [*range(4, 10)])) == pytest.approx(2 * fisher)


def test_the_moments_of_families_are_those_of_all_relabellings() -> None:
    first, second = np.array([2, 1, 1, 0, 0, 3]), np.array([0, 2, 0, 1, 1, 0])
    values = np.array([first @ second[list(order)] for order in permutations(range(6))], dtype=float)
    skew = stats.skew(values)
    law = stats.pearson3(skew, loc=values.mean(), scale=values.std())
    shared = float(first @ second)
    expected = min(1.0, 2 * min(law.cdf(shared + 0.5), law.sf(shared - 0.5)))
    assert overlap_p(first, second) == pytest.approx(expected)


@pytest.mark.parametrize("shift", [4, 9, 14])
def test_families_are_tested_nearly_as_by_relabelling(shift: int) -> None:
    """Three draws of 30 from a kept set of 60 of 1,000 rows, against a set of 80 that shares some of it."""
    rng = np.random.default_rng(shift)
    first = held(1000, *([*rng.permutation(60)[:30]] for _ in range(3)))
    second = held(1000, *([*(rng.permutation(80)[:40] + 60 - shift)] for _ in range(3)))
    shared = first @ second
    drawn = np.array([first @ rng.permutation(second) for _ in range(20_000)])
    simulated = min(1.0, 2 * min(np.mean(drawn <= shared), np.mean(drawn >= shared)))
    assert overlap_p(first, second) == pytest.approx(simulated, rel=0.35, abs=0.01)


def test_unrelated_families_are_seldom_called_related() -> None:
    rng = np.random.default_rng(5)

    def family() -> np.ndarray:
        kept = rng.permutation(2000)[:150]
        return held(2000, *([*rng.permutation(kept)[:50]] for _ in range(3)))

    found = np.mean([overlap_p(family(), family()) < 0.05 for _ in range(1500)])
    assert found < 0.065


@pytest.mark.parametrize("equally", [0, 1, 2])
@pytest.mark.parametrize("other", [[0, 1, 1, 0, 0], [0, 1, 2, 0, 0], [1, 1, 1, 1, 1], [3, 3, 3, 3, 3]])
def test_a_family_that_holds_every_row_equally_often_surprises_nobody(equally: int, other: list[int]) -> None:
    """No relabelling shares more or less than another, so all of them share as much as was seen."""
    even, counts = np.full(5, equally), np.array(other)
    assert {int(even @ counts[list(order)]) for order in permutations(range(5))} == {int(even @ counts)}
    assert overlap_p(even, counts) == overlap_p(counts, even) == 1.0


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        overlap_p(np.ones(5), np.ones(6))
