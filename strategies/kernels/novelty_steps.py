"""The loops of `novelselect` over rows and picks: see `strategies.kernels.novelty` for why they are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from strategies.kernels.compiling import compiled
from strategies.kernels.novelty_heap import drop_first, heap_up
from strategies.kernels.novelty_lists import bucket_bound, enter, scale, settle, tighten
from strategies.kernels.novelty_products import squared_distances, two_dots, value_of

if TYPE_CHECKING:
    from strategies.kernels.novelty_state import Picked, Precision, Rows

SEEDS = 48


@compiled()
def pick_block(rows: Rows, picked: Picked, precision: Precision, start: int, stop: int, seeds: np.ndarray) -> None:
    """Make the picks `start` to `stop`; every row's list and bound know the first `start` of them at least.

    `seeds` holds the best rows of the step before (-1 for none): looked at first, they raise the bar for all others.
    """
    looked_at = np.empty(len(rows.bound), dtype=np.int64)
    candidates = np.empty(len(rows.bound) + SEEDS, dtype=np.int64)
    values = np.empty(len(rows.bound) + SEEDS)
    reach = np.empty(len(rows.bound))
    earlier = np.empty((stop - start, *picked.sums.shape))
    growth = np.zeros((stop - start, 2))
    for made in range(start, stop):
        earlier[made - start] = picked.sums
        _most_growth(picked, precision, earlier[: made - start], start, made, growth)
        # What a list's value, and a bound, may be off by a unit of density.
        slack = precision.absolute * picked.weight_sums[made]
        margin = precision.widest * (slack + precision.summed * picked.weight_sums[made])
        bar = 0.0  # what a row must be able to reach: the best value known, less all that may be rounding
        found = 0
        for seed in seeds:
            if seed >= 0 and rows.bound[seed] > -np.inf:
                candidates[found] = seed
                values[found], bar = _evaluate(rows, picked, precision, seed, made, slack, margin, bar)
                found += 1
        least = bar - margin
        passed = _over_the_bar(rows.bound, rows.density, rows.quality, growth[0, 0], growth[0, 1], least, looked_at)
        passed = _measure(rows, picked, precision, looked_at[:passed], start, made, growth, least, reach)
        heap_up(reach[:passed], looked_at[:passed])
        while passed > 0 and reach[0] >= bar - margin:
            row = looked_at[0]
            passed = drop_first(reach[:passed], looked_at[:passed])
            if rows.merged[row] < made:  # no seed
                candidates[found] = row
                values[found], bar = _evaluate(rows, picked, precision, row, made, slack, margin, bar)
                found += 1
        winner = _decide(rows, picked, precision, made, candidates[:found], values[:found], bar)
        take(rows, picked, winner, made)
        _remember(candidates[:found], values[:found], seeds)


@compiled()
def _evaluate(
    rows: Rows,
    picked: Picked,
    precision: Precision,
    row: int,
    made: int,
    slack: float,
    margin: float,
    bar: float,
) -> tuple[float, float]:
    """The most that the value of a row may be, from its list if the bar is within reach, and the bar after it."""
    tighten(rows, picked, precision, row, made)
    quality = rows.quality[row]
    if quality * rows.bound[row] < bar - margin:
        return quality * rows.bound[row], bar
    value = settle(rows, picked, precision, row, made)
    off = slack * (rows.density[row] + precision.heaviest)
    low = quality * (value * (1.0 - precision.relative) - off)
    return quality * (value * (1.0 + precision.relative) + off), max(bar, low * (1.0 - precision.tie))


@compiled()
def _most_growth(
    picked: Picked, precision: Precision, earlier: np.ndarray, start: int, made: int, growth: np.ndarray
) -> None:
    """The most that G of any row grew since each pick of the block, for a unit of its density, and beside it.

    `earlier` holds the sums of the picks as they were. Into `growth`, from its first row on.
    """
    for place in range(len(earlier)):
        weight = picked.weight_sums[made] - picked.weight_sums[start + place]
        density = picked.density_sums[made] - picked.density_sums[start + place]
        by_weight, by_density = squared_distances(picked.sums, earlier[place])
        growth[place, 0] = min(precision.farthest * weight, weight + precision.longest * np.sqrt(by_weight))
        growth[place, 1] = min(precision.farthest * density, density + precision.longest * np.sqrt(by_density))


@compiled()
def _measure(
    rows: Rows,
    picked: Picked,
    precision: Precision,
    looked_at: np.ndarray,
    start: int,
    made: int,
    growth: np.ndarray,
    least: float,
    reach: np.ndarray,
) -> int:
    """Keep the rows whose bound by measured distances to all picks reaches `least`: how many, bounds into `reach`."""
    # Reading a field of `rows` costs more than what is done with it: not in the loop.
    bound, seen, excess, single = rows.bound, rows.seen, rows.excess, rows.single
    density, quality = rows.density, rows.quality
    by_weight, by_density = squared_distances(picked.sums, np.zeros_like(picked.sums))
    by_weight, by_density = np.sqrt(by_weight), np.sqrt(by_density)
    # Of length 1, or float32 might not hold them.
    directions = np.empty(picked.sums.shape, dtype=np.float32)
    directions[0] = picked.sums[0] / (by_weight if by_weight > 0.0 else 1.0)
    directions[1] = picked.sums[1] / (by_density if by_density > 0.0 else 1.0)
    weight_sum = picked.weight_sums[made] + precision.single * by_weight
    density_sum = picked.density_sums[made] + precision.single * by_density
    kept = 0
    for row in looked_at:
        if seen[row] < made:
            own = density[row]
            since = seen[row] - start
            if quality[row] * (bound[row] + own * growth[since, 0] + growth[since, 1]) < least:
                continue
            one, other = two_dots(single[row], directions)
            grown = own * (weight_sum - by_weight * one) + density_sum - by_density * other
            bound[row] = excess[row] + grown
            seen[row] = made
        reach[kept] = quality[row] * bound[row]
        if reach[kept] >= least:
            looked_at[kept] = row
            kept += 1
    return kept


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _over_the_bar(
    bound: np.ndarray,
    density: np.ndarray,
    quality: np.ndarray,
    weight_growth: float,
    density_growth: float,
    bar: float,
    looked_at: np.ndarray,
) -> int:
    # Without a branch: few rows pass, and the loop runs over all of them in every step.
    passed = 0
    for row in range(len(bound)):
        looked_at[passed] = row
        passed += quality[row] * (bound[row] + density[row] * weight_growth + density_growth) >= bar
    return min(passed, len(bound))


@compiled()
def absorb(
    rows: Rows, picked: Picked, precision: Precision, products: np.ndarray, begin: int, start: int, stop: int
) -> None:
    """Hand the rows from `begin` on their products (rows, stop - start) with the picks `start` to `stop`."""
    lists, splits, sums, counts = rows.lists, rows.splits, rows.sums, rows.counts
    filled, grown, excess, bound, seen = rows.filled, rows.grown, rows.excess, rows.bound, rows.seen
    density, chosen, weights, weight_sums = rows.density, picked.density, picked.weights, picked.weight_sums
    listed = lists.shape[1] > 0
    scratch = np.empty(stop - start, dtype=lists.dtype)
    for place in range(len(products)):
        row = begin + place
        known = filled[row]
        if bound[row] > -np.inf:
            values = lists[row, known:stop] if listed else scratch[known - start :]
            given = products[place, known - start :]
            grown[row] += scale(values, given, density[row], chosen[known:stop], weights[known:stop], precision.tie)
            enter(values, splits[row], sums[row], counts[row])
            bound[row] = bucket_bound(sums[row], counts[row], weight_sums) * (1.0 + precision.relative)
            excess[row] = bound[row] - grown[row]
            filled[row] = seen[row] = stop


@compiled()
def _decide(
    rows: Rows,
    picked: Picked,
    precision: Precision,
    made: int,
    candidates: np.ndarray,
    values: np.ndarray,
    bar: float,
) -> int:
    """The winner among rows whose upper bounds are `values`: in float64 where more than one may be it."""
    able = candidates[values >= bar]
    if len(able) == 1:
        return able[0]
    able.sort()
    best = -np.inf
    exact = np.empty(len(able))
    for place in range(len(able)):
        row = able[place]
        chosen, densities = picked.embeddings[:made], picked.density[:made]
        own = rows.density[row]
        value = value_of(rows.embeddings[row], own, chosen, densities, picked.weights, precision.tie)
        exact[place] = value * rows.quality[row]
        best = max(best, exact[place])
    for place in range(len(able)):
        if exact[place] >= best * (1.0 - precision.tie):
            return able[place]
    return -1


@compiled()
def take(rows: Rows, picked: Picked, winner: int, made: int) -> None:
    """Make `winner` the pick after `made` others."""
    weight, density = picked.weights[made], rows.density[winner]
    picked.rows[made] = winner
    picked.embeddings[made] = rows.embeddings[winner]
    picked.density[made] = density
    picked.density_sums[made + 1] = picked.density_sums[made] + weight * density
    picked.sums[0] += weight * rows.embeddings[winner]
    picked.sums[1] += weight * density * rows.embeddings[winner]
    rows.bound[winner] = -np.inf


@compiled()
def _remember(candidates: np.ndarray, values: np.ndarray, seeds: np.ndarray) -> None:
    order = np.argsort(-values)
    seeds[:] = -1
    for place in range(min(len(order), len(seeds))):
        seeds[place] = candidates[order[place]]
