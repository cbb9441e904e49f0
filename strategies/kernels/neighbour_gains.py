"""Facility-location gains over a sparse kernel: a row is represented by itself and its nearest others alone."""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import Progress
from strategies.kernels.compiling import compiled
from strategies.kernels.embedded_gains import cosine_similarity
from strategies.kernels.gain_lists import GainLists

BLOCK_ROWS = 256


class NeighbourGains:
    """Gains over the (1 + cosine) / 2 of unit rows (n, d) to their nearest; `pick` takes the best row."""

    picks_a_call = 1

    def __init__(self, rows: np.ndarray, weights: np.ndarray, *, neighbours: int, prepared: Progress | None = None):
        if neighbours < 1:
            raise ValueError(f"a sparse kernel needs at least 1 neighbour, not {neighbours}")
        nearest, similarities = nearest_rows(rows, min(neighbours, len(rows) - 1), prepared)
        # A candidate's list holds the rows that have it among their nearest, and itself.
        lengths = 1 + np.bincount(nearest.ravel(), minlength=len(rows))
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        others, values = _inverted(rows, nearest, similarities, starts, int(lengths.sum()))
        self.lists = GainLists(starts, others, values, weights)
        self.lists.lengths[:] = lengths

    def pick(self, picks: np.ndarray, tie: float) -> None:
        """Fill `picks` with the rows of the largest gains (the lowest of ties), one after the other."""
        for step in range(len(picks)):
            picks[step] = self.lists.winner(self.lists.settle(tie), tie)
            self.lists.cover(int(picks[step]))


def nearest_rows(rows: np.ndarray, neighbours: int, progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The `neighbours` other rows most similar to each, shape (n, neighbours), int32, with their (1 + cosine) / 2.

    Nearest first, the lower of equally near rows first. Candidates come from a float32 product; all that may be
    among the nearest are measured in float64. `progress` is called with the rows that are done, and n.
    """
    count, dimensions = rows.shape
    single = rows.astype(np.float32, copy=False)
    slack = 2 * (dimensions + 5) * float(np.finfo(np.float32).eps)
    nearest = np.empty((count, neighbours), dtype=np.int32)
    similarities = np.empty((count, neighbours))
    for start in range(0, count, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, count)
        products = single[start:stop] @ single.T
        products[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        if neighbours:
            least = np.partition(products, count - neighbours, axis=1)[:, count - neighbours]
            _measure(products, least - slack, rows, start, nearest, similarities)
        if progress:
            progress(stop, count)
    return nearest, similarities


@compiled()
def _measure(
    products: np.ndarray,
    floors: np.ndarray,
    rows: np.ndarray,
    start: int,
    nearest: np.ndarray,
    similarities: np.ndarray,
) -> None:
    for place in range(len(products)):
        near = np.flatnonzero(products[place] >= floors[place])
        exact = np.empty(len(near))
        for number in range(len(near)):
            exact[number] = cosine_similarity(rows[start + place], rows[near[number]])
        # A stable sort keeps equally near rows in ascending order.
        order = np.argsort(-exact, kind="mergesort")[: nearest.shape[1]]
        nearest[start + place] = near[order]
        similarities[start + place] = exact[order]


@compiled()
def _inverted(
    rows: np.ndarray, nearest: np.ndarray, similarities: np.ndarray, starts: np.ndarray, entries: int
) -> tuple[np.ndarray, np.ndarray]:
    free = starts.copy()
    others = np.empty(entries, dtype=np.int32)
    values = np.empty(entries)
    # Rows are visited in order, a row's own entry among them, so that lists are in row order, as sums are.
    for row in range(len(rows)):
        for place in range(-1, nearest.shape[1]):
            candidate = row if place < 0 else nearest[row, place]
            others[free[candidate]] = row
            values[free[candidate]] = cosine_similarity(rows[row], rows[row]) if place < 0 else similarities[row, place]
            free[candidate] += 1
    return others, values
