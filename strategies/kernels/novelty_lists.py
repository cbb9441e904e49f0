"""The list and the buckets of one row of `novelselect`: see `strategies.kernels.novelty` for what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from strategies.kernels.compiling import compiled
from strategies.kernels.novelty_products import dots, scaled_distances

if TYPE_CHECKING:
    from strategies.kernels.novelty_state import Picked, Precision, Rows

BUCKETS = 32
FEW = 32
"""Up to so many values a comparison sort is faster than one by bytes."""
STRETCH = 32
"""A head so many times as long as the tail is moved in stretches, not value by value."""


@compiled()
def tighten(rows: Rows, picked: Picked, precision: Precision, row: int, made: int) -> None:
    """The bucket bound of a row, its list and its buckets brought up to date with `made` picks."""
    known = rows.filled[row]
    if known == made:
        return
    products = np.empty(made - known)
    dots(rows.embeddings[row], picked.embeddings[known:made], products)
    listed = rows.lists.shape[1] > 0
    values = rows.lists[row, known:made] if listed else np.empty(made - known, dtype=rows.lists.dtype)
    chosen, weights = picked.density[known:made], picked.weights[known:made]
    rows.grown[row] += scale(values, products, rows.density[row], chosen, weights, precision.tie)
    splits, sums, counts = rows.splits[row], rows.sums[row], rows.counts[row]
    enter(values, splits, sums, counts)
    rows.bound[row] = bucket_bound(sums, counts, picked.weight_sums) * (1.0 + precision.relative)
    rows.excess[row] = rows.bound[row] - rows.grown[row]
    rows.filled[row] = rows.seen[row] = made


@compiled(fastmath={"reassoc", "nsz", "contract"})
def scale(
    values: np.ndarray, products: np.ndarray, own: float, densities: np.ndarray, weights: np.ndarray, tie: float
) -> float:
    """Density-weighted distances from products, into `values`; their sum by `weights`."""
    total = 0.0
    for place in range(len(products)):
        distance = 1.0 - products[place]
        scaled = (own + densities[place]) * (distance if distance >= tie else 0.0)
        values[place] = scaled
        total += weights[place] * scaled
    return total


@compiled()
def enter(values: np.ndarray, splits: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> None:
    """Add values to their buckets: each to the first whose upper end is not below it."""
    for scaled in values:
        bucket = 16 * (splits[15] < scaled)
        bucket += 8 * (splits[bucket + 7] < scaled)
        bucket += 4 * (splits[bucket + 3] < scaled)
        bucket += 2 * (splits[bucket + 1] < scaled)
        bucket += 1 * (splits[bucket] < scaled)
        sums[bucket] += scaled
        counts[bucket] += 1


@compiled()
def settle(rows: Rows, picked: Picked, precision: Precision, row: int, made: int) -> float:
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
        chosen, densities = picked.embeddings[:made], picked.density[:made]
        scaled = scaled_distances(rows.embeddings[row], rows.density[row], chosen, densities, precision.tie)
        value = _value_and_buckets(scaled, picked.weights, splits, sums, counts, precision.ratio)
    rows.merged[row] = made
    rows.bound[row] = value * (1.0 + precision.relative)
    rows.excess[row] = rows.bound[row] - rows.grown[row]
    return value


@compiled(fastmath={"reassoc", "nsz", "contract"})
def bucket_bound(sums: np.ndarray, counts: np.ndarray, weight_sums: np.ndarray) -> float:
    """The most that a row's value can be: the mean of each bucket times the weights of the ranks it covers.

    `sums` and `counts` (BUCKETS,) are of the values in each bucket, ascending; `weight_sums` (k + 1,) of the weights of
    the first ranks. See the module docstring of `strategies.kernels.novelty`, *Buckets*.
    """
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


@compiled()
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


@compiled()
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


@compiled(fastmath={"reassoc", "nsz", "contract"})
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
