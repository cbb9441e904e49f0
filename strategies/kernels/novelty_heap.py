"""A binary heap of rows, the largest value first: few are taken before the bar rules out all others."""

from __future__ import annotations

import numpy as np

from strategies.kernels.compiling import compiled


@compiled()
def heap_up(values: np.ndarray, rows: np.ndarray) -> None:
    """Order both arrays alike so that no value is larger than that at (its place - 1) // 2. In place."""
    for place in range(len(values) // 2 - 1, -1, -1):
        _sink(values, rows, place)


@compiled()
def drop_first(values: np.ndarray, rows: np.ndarray) -> int:
    """Take out the first of a heap, its largest; how many are left, in the places before the last."""
    left = len(values) - 1
    values[0], rows[0] = values[left], rows[left]
    _sink(values[:left], rows[:left], 0)
    return left


@compiled()
def _sink(values: np.ndarray, rows: np.ndarray, place: int) -> None:
    """Move what is at `place` down until nothing below it is larger."""
    if place >= len(values):
        return
    value, row = values[place], rows[place]
    below = 2 * place + 1
    while below < len(values):
        if below + 1 < len(values) and values[below + 1] > values[below]:
            below += 1
        if values[below] <= value:
            break
        values[place], rows[place] = values[below], rows[below]
        place, below = below, 2 * below + 1
    values[place], rows[place] = value, row
