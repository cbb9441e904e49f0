"""Numbering pairs of integers: the step from n-grams to (n + 1)-grams."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled

# 2^64 over the golden ratio: the upper bits of a product with it are well mixed (Knuth, volume 3, section 6.4).
MIX = np.uint64(0x9E3779B97F4A7C15)


@compiled()
def number_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, int]:
    """A number for each pair (first[i], second[i]), equal for equal pairs, and how many there are.

    Both are int64, shape (n,), at least 0 and under 2^31. Numbers, int64, run from 0 in order of first appearance.
    Exact: an open hash table that holds the pairs themselves.
    """
    bits = 4
    while (1 << bits) < 2 * len(first):
        bits += 1
    last = (1 << bits) - 1
    shift = np.uint64(64 - bits)
    keys = np.full(last + 1, -1, dtype=np.int64)
    held = np.empty(last + 1, dtype=np.int64)
    numbers = np.empty(len(first), dtype=np.int64)
    count = 0
    for place in range(len(first)):
        key = (first[place] << 32) | second[place]
        slot = np.int64((np.uint64(key) * MIX) >> shift)
        while keys[slot] != key:
            if keys[slot] == -1:
                keys[slot] = key
                held[slot] = count
                count += 1
                break
            slot = (slot + 1) & last
        numbers[place] = held[slot]
    return numbers, count
