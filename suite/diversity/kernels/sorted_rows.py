"""Many rows of distances in ascending order, by their digits."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled

DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS
MOVES = 8
"""After two digits a value stands at most a few places from its own; at more moves a value than this, numpy sorts."""


def sort_rows(values: np.ndarray) -> None:
    """Sort each row of `values` (b, m) float64 in place, ascending, as `values.sort(axis=1)` does; all are finite.

    A radix sort in two passes over the value's place between the row's least and greatest, in 22 bits, and one by
    insertion for what lies closer. Rows with an outlier so far off that these bits tell little apart go to numpy.
    """
    for row in np.flatnonzero(~_sort_by_digits(values)):
        values[row].sort()


@compiled()
def _sort_by_digits(values: np.ndarray) -> np.ndarray:
    count, width = values.shape
    finished = np.ones(count, dtype=np.bool_)
    places, high_digits = np.empty(width, dtype=np.uint32), np.empty(width, dtype=np.uint32)
    by_low_digit = np.empty(width)
    lows, highs = np.empty(DIGITS, dtype=np.uint32), np.empty(DIGITS, dtype=np.uint32)
    for index in range(count):
        row = values[index]
        least, greatest = row.min(), row.max()
        if least == greatest:
            continue
        scale = (DIGITS * DIGITS - 1) / (greatest - least)
        if scale == np.inf:
            finished[index] = False
            continue

        lows[:] = 0
        highs[:] = 0
        for column in range(width):
            place = np.uint32((row[column] - least) * scale)
            places[column] = place
            lows[place & (DIGITS - 1)] += 1
            highs[place >> DIGIT_BITS] += 1
        below_low, below_high = 0, 0
        for digit in range(DIGITS):
            lows[digit], below_low = below_low, below_low + lows[digit]
            highs[digit], below_high = below_high, below_high + highs[digit]

        for column in range(width):
            digit = places[column] & (DIGITS - 1)
            target = lows[digit]
            lows[digit] = target + 1
            by_low_digit[target] = row[column]
            high_digits[target] = places[column] >> DIGIT_BITS
        for column in range(width):
            digit = high_digits[column]
            row[highs[digit]] = by_low_digit[column]
            highs[digit] += 1

        moves = 0
        for column in range(1, width):
            value, target = row[column], column
            while target > 0 and row[target - 1] > value:
                row[target] = row[target - 1]
                target -= 1
            row[target] = value
            moves += column - target
            if moves > MOVES * width:
                finished[index] = False
                break
    return finished
