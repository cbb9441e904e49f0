"""The inner loops of `novelselect`: see `strategies.kernels.novelty` for what they compute and why it is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from strategies.kernels.novelty_state import Picked, Precision, Rows

BUCKETS = 32
SEEDS = 16
FEW = 32
"""Up to so many values a comparison sort is faster than one by bytes."""
STRETCH = 32
"""A head so many times as long as the tail is moved in stretches, not value by value."""


@njit(cache=True)
def pick_block(
    rows: Rows, picked: Picked, precision: Precision, known: int, start: int, stop: int, seeds: np.ndarray
) -> None:
    """Make the picks `start` to `stop`; every row's list knows the first `known` picks at least.

    `seeds` holds the best rows of the step before (-1 for none): looked at first, they raise the bar for all others.
    """
    count = len(rows.bound)
    looked_at = np.empty(count, dtype=np.int64)
    candidates = np.empty(count, dtype=np.int64)
    values = np.empty(count)
    # Reading a field of `rows` costs more than what is done with it: not in the innermost loop.
    bound, seen, single, density_of, weight_of = rows.bound, rows.seen, rows.single, rows.density, rows.quality
    chosen, chosen_density, weights = picked.single, picked.density, picked.weights
    weight_sums, density_sums = picked.weight_sums, picked.density_sums
    heaviest = rows.density.max()
    most = rows.quality.max()
    for made in range(start, stop):
        slack = precision.absolute * picked.weight_sums[made]
        found = 0
        bar = 0.0  # what a row must be able to reach: the best value known, less all that may be rounding
        for seed in seeds:
            if seed >= 0 and rows.bound[seed] > -np.inf:
                _tighten(rows, picked, precision, seed, made)
                value = _settle(rows, picked, precision, seed, made)
                low = rows.quality[seed] * (
                    value * (1.0 - precision.relative) - slack * (rows.density[seed] + heaviest)
                )
                bar = max(bar, low * (1.0 - precision.tie))
        # The bar in terms of list values, whatever the row.
        margin = most * slack * 2.0 * heaviest
        weight = precision.farthest * (picked.weight_sums[made] - picked.weight_sums[known])
        density = precision.farthest * (picked.density_sums[made] - picked.density_sums[known])
        passed = _over_the_bar(bound, density_of, weight_of, weight, density, bar - margin, looked_at)
        for place in range(passed):
            row = looked_at[place]
            quality = weight_of[row]
            own = density_of[row]
            after = seen[row]
            growth = own * (weight_sums[made] - weight_sums[after]) + density_sums[made] - density_sums[after]
            if quality * (bound[row] + precision.farthest * growth) < bar - margin:
                continue
            # The same bound with measured distances in place of the farthest there can be.
            bound[row] += _measured_growth(
                single[row], chosen[after:made], own, chosen_density[after:made], weights[after:made], precision.single
            ) * (1.0 + precision.relative)
            seen[row] = made
            if quality * bound[row] < bar - margin:
                continue
            _tighten(rows, picked, precision, row, made)
            if quality * bound[row] < bar - margin:
                continue
            value = _settle(rows, picked, precision, row, made)
            off = slack * (own + heaviest)
            low = quality * (value * (1.0 - precision.relative) - off)
            bar = max(bar, low * (1.0 - precision.tie))
            candidates[found] = row
            values[found] = quality * (value * (1.0 + precision.relative) + off)
            found += 1
        winner = _decide(rows, picked, precision, made, candidates[:found], values[:found], bar)
        _take(rows, picked, winner, made)
        _remember(candidates[:found], values[:found], seeds)


@njit(cache=True)
def absorb(
    rows: Rows, picked: Picked, precision: Precision, products: np.ndarray, begin: int, start: int, stop: int
) -> None:
    """Hand the rows from `begin` on their products (rows, stop - start) with the picks `start` to `stop`."""
    lists, splits, sums, counts = rows.lists, rows.splits, rows.sums, rows.counts
    bound, filled, seen, density = rows.bound, rows.filled, rows.seen, rows.density
    chosen, weight_sums = picked.density, picked.weight_sums
    listed = lists.shape[1] > 0
    scratch = np.empty(stop - start, dtype=lists.dtype)
    for place in range(len(products)):
        row = begin + place
        known = filled[row]
        if bound[row] > -np.inf and known < stop:
            values = lists[row, known:stop] if listed else scratch[known - start :]
            given = products[place, known - start :]
            _scale(values, given, density[row], chosen[known:stop], precision.tie)
            _enter(values, splits[row], sums[row], counts[row])
            bound[row] = _bucket_bound(sums[row], counts[row], weight_sums) * (1.0 + precision.relative)
            filled[row] = seen[row] = stop


@njit(cache=True)
def value_of(
    rows: np.ndarray, density: np.ndarray, row: int, chosen: np.ndarray, weights: np.ndarray, tie: float
) -> float:
    """A row's value in float64, one pair at a time; `chosen` holds the picked rows in any order."""
    scaled = _scaled_distances(rows, density, row, chosen, tie)
    value = 0.0
    for rank in range(len(scaled)):
        value += weights[rank] * scaled[rank]
    return value


@njit(cache=True)
def _scaled_distances(rows: np.ndarray, density: np.ndarray, row: int, chosen: np.ndarray, tie: float) -> np.ndarray:
    scaled = np.empty(len(chosen))
    for place in range(len(chosen)):
        other = chosen[place]
        distance = 1.0 - _dot(rows[row], rows[other])
        scaled[place] = (density[row] + density[other]) * (distance if distance >= tie else 0.0)
    scaled.sort()
    return scaled


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
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


@njit(cache=True)
def _measured_growth(
    row: np.ndarray, chosen: np.ndarray, own: float, densities: np.ndarray, weights: np.ndarray, error: float
) -> float:
    growth = 0.0
    for pick in range(len(chosen)):
        distance = 1.0 - _dot(row, chosen[pick]) + error
        growth += weights[pick] * (own + densities[pick]) * max(distance, 0.0)
    return growth


@njit(cache=True)
def _tighten(rows: Rows, picked: Picked, precision: Precision, row: int, made: int) -> None:
    """The bucket bound of a row, its list and its buckets brought up to date with `made` picks."""
    known = rows.filled[row]
    if known == made:
        return
    products = np.empty(made - known)
    for place in range(made - known):
        products[place] = _dot(rows.embeddings[row], picked.embeddings[known + place])
    if rows.lists.shape[1] > 0:
        values = rows.lists[row, known:made]
    else:
        values = np.empty(made - known, dtype=rows.lists.dtype)
    _scale(values, products, rows.density[row], picked.density[known:made], precision.tie)
    _enter(values, rows.splits[row], rows.sums[row], rows.counts[row])
    bound = _bucket_bound(rows.sums[row], rows.counts[row], picked.weight_sums)
    rows.bound[row] = bound * (1.0 + precision.relative)
    rows.filled[row] = rows.seen[row] = made


@njit(cache=True)
def _scale(values: np.ndarray, products: np.ndarray, own: float, densities: np.ndarray, tie: float) -> None:
    """Density-weighted distances from products, into `values`."""
    for place in range(len(products)):
        distance = 1.0 - products[place]
        values[place] = (own + densities[place]) * (distance if distance >= tie else 0.0)


@njit(cache=True)
def _enter(values: np.ndarray, splits: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> None:
    """Add values to their buckets: each to the first whose upper end is not below it."""
    for scaled in values:
        bucket = 16 * (splits[15] < scaled)
        bucket += 8 * (splits[bucket + 7] < scaled)
        bucket += 4 * (splits[bucket + 3] < scaled)
        bucket += 2 * (splits[bucket + 1] < scaled)
        bucket += 1 * (splits[bucket] < scaled)
        sums[bucket] += scaled
        counts[bucket] += 1


@njit(cache=True)
def _settle(rows: Rows, picked: Picked, precision: Precision, row: int, made: int) -> float:
    """The value of a row whose buckets are up to date with `made` picks; they are cut anew."""
    if rows.merged[row] == made:
        return rows.bound[row] / (1.0 + precision.relative)
    splits = rows.splits[row]
    sums = rows.sums[row]
    counts = rows.counts[row]
    if rows.lists.shape[1] > 0:
        _merge(rows.lists[row], rows.bits[row], rows.merged[row], made)
        value = _value_and_buckets(rows.lists[row, :made], picked.weights, splits, sums, counts, precision.ratio)
    else:
        scaled = _scaled_distances(rows.embeddings, rows.density, row, picked.rows[:made], precision.tie)
        value = _value_and_buckets(scaled, picked.weights, splits, sums, counts, precision.ratio)
    rows.merged[row] = made
    rows.bound[row] = value * (1.0 + precision.relative)
    return value


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _bucket_bound(sums: np.ndarray, counts: np.ndarray, weight_sums: np.ndarray) -> float:
    # Without a branch: an empty bucket adds 0 * 0.
    bound = 0.0
    rank = 0
    before = 0.0
    for bucket in range(len(sums)):
        rank += counts[bucket]
        after = weight_sums[rank]
        bound += sums[bucket] * (after - before) / max(counts[bucket], 1)
        before = after
    return bound


@njit(cache=True)
def _merge(values: np.ndarray, bits: np.ndarray, merged: int, filled: int) -> None:
    """Sort the tail of a list into its ascending head; `bits` are the same values read as unsigned integers."""
    if filled - merged > FEW:
        _radix_sort(bits[merged:filled])
    else:
        values[merged:filled].sort()
    tail = values[merged:filled].copy()
    start = np.searchsorted(values[:merged], tail[0], side="right")
    head = values[start:merged].copy()
    taken = 0
    if len(head) > STRETCH * len(tail):
        # Whole stretches of the head move at once.
        for place in range(len(tail)):
            target = start + place
            stop = len(head)
            if place + 1 < len(tail):
                stop = taken + np.searchsorted(head[taken:], tail[place + 1], side="right")
            values[target + taken] = tail[place]
            values[target + taken + 1 : target + stop + 1] = head[taken:stop]
            taken = stop
        return
    place = 0
    for target in range(start, filled):
        if taken == len(head) or (place < len(tail) and tail[place] < head[taken]):
            values[target] = tail[place]
            place += 1
        else:
            values[target] = head[taken]
            taken += 1


@njit(cache=True)
def _radix_sort(bits: np.ndarray) -> None:
    """Ascending, byte by byte: numbers that are not negative have the order of their bits. In place."""
    size = bits.itemsize
    counts = np.zeros((size, 256), dtype=np.int64)
    for value in bits:
        for byte in range(size):
            counts[byte, (value >> (8 * byte)) & 255] += 1
    spare = np.empty_like(bits)
    source, target = bits, spare
    for byte in range(size):
        place = 0
        for digit in range(256):
            held = counts[byte, digit]
            counts[byte, digit] = place
            place += held
        for value in source:
            digit = (value >> (8 * byte)) & 255
            target[counts[byte, digit]] = value
            counts[byte, digit] += 1
        source, target = target, source  # an even number of passes ends in `bits`


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _value_and_buckets(
    values: np.ndarray,
    weights: np.ndarray,
    splits: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
    ratio: float,
) -> float:
    """The weighted sum of an ascending list; its buckets are cut anew, their sizes growing by `ratio`."""
    filled = len(values)
    value = 0.0
    begin = 0
    edge = 1.0
    last = len(splits) - 1
    for bucket in range(len(splits)):
        edge *= ratio
        end = min(max(begin + 1, int(edge)), filled) if bucket < last else filled
        held = values[begin:end]
        weight = weights[begin:end]
        total = 0.0
        for rank in range(len(held)):
            value += np.float64(held[rank]) * weight[rank]
            total += np.float64(held[rank])
        sums[bucket] = total
        counts[bucket] = max(end - begin, 0)
        splits[bucket] = np.float64(values[max(end, 1) - 1]) if bucket < last else np.inf
        begin = max(begin, end)
    return value


@njit(cache=True)
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
        value = value_of(rows.embeddings, rows.density, row, picked.rows[:made], picked.weights, precision.tie)
        exact[place] = value * rows.quality[row]
        best = max(best, exact[place])
    for place in range(len(able)):
        if exact[place] >= best * (1.0 - precision.tie):
            return able[place]
    return -1


@njit(cache=True)
def _take(rows: Rows, picked: Picked, winner: int, made: int) -> None:
    picked.rows[made] = winner
    picked.embeddings[made] = rows.embeddings[winner]
    picked.single[made] = rows.single[winner]
    picked.density[made] = rows.density[winner]
    picked.density_sums[made + 1] = picked.density_sums[made] + picked.weights[made] * rows.density[winner]
    rows.bound[winner] = -np.inf


@njit(cache=True)
def _remember(candidates: np.ndarray, values: np.ndarray, seeds: np.ndarray) -> None:
    order = np.argsort(-values)
    seeds[:] = -1
    for place in range(min(len(order), len(seeds))):
        seeds[place] = candidates[order[place]]


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})
def _dot(one: np.ndarray, other: np.ndarray) -> float:
    total = one[0] * other[0]
    for dimension in range(1, one.shape[0]):
        total += one[dimension] * other[dimension]
    return total
