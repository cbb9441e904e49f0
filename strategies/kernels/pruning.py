"""Reverse greedy pruning: drop types of samples until few enough are left (M2M, micro level).

Two readings of the paper. `unit="type"` drops, in each step, the type with the fewest remaining samples and every
sample that holds it; a sample without types is never dropped. `unit="sample"` drops the single sample that is the
only holder of the fewest types. In both, a type goes when its last holder does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from strategies.kernels.compiling import compiled
from strategies.kernels.incidences import end_to_end, holders_of

Samples = Sequence[Sequence[int] | np.ndarray] | tuple[np.ndarray, np.ndarray]
Unit = Literal["type", "sample"]
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class PruningPath:
    """Every state that pruning passes, from all types to none.

    `types_left` and `samples_left` have shape (steps + 1,) and do not increase; `dropped_at` (n,) is the step in
    which a sample goes (the largest int64 where it never does); `removed_at` (types,) is the step in which a type
    goes (0 where no sample ever held it). State s is what steps 1 to s leave.
    """

    types_left: np.ndarray
    samples_left: np.ndarray
    dropped_at: np.ndarray
    removed_at: np.ndarray

    def state(self, keep_types: int) -> int:
        """The first state with at most `keep_types` types."""
        return int(np.argmax(self.types_left <= keep_types))

    def samples(self, state: int) -> np.ndarray:
        """Rows that are left in a state, ascending, int64."""
        return np.flatnonzero(self.dropped_at > state)

    def types(self, state: int) -> np.ndarray:
        """Types that are left in a state, ascending, int64."""
        return np.flatnonzero(self.removed_at > state)


def reverse_greedy_prune(samples: Samples, keep_types: int, *, unit: Unit = "type", recount: bool = True) -> np.ndarray:
    """Rows of the samples that are left when at most `keep_types` types are, ascending, int64.

    `samples` holds the types (integers from 0) of each sample, as a sequence of sequences (a list: a tuple of two
    arrays is the other form) or as (types, offsets) end to end; a type given twice for a sample counts once. Ties: the
    lower type, the lower row. `recount=False` orders types by the samples they had at first, not by those that remain.
    Deterministic. Raises ValueError for a type that is negative or no integer, or a negative `keep_types`.
    """
    if keep_types < 0:
        raise ValueError(f"keep_types must not be negative, not {keep_types}")
    path = pruning_path(samples, unit=unit, recount=recount)
    return path.samples(path.state(keep_types))


def pruning_path(samples: Samples, *, unit: Unit = "type", recount: bool = True) -> PruningPath:
    """The whole path of `reverse_greedy_prune`, for choosing how far to go; each incidence is touched once."""
    if unit not in ("type", "sample"):
        raise ValueError(f"unit must be 'type' or 'sample', not {unit!r}")
    types, offsets, count = _distinct_types(samples)
    if unit == "type":
        drop = _drop_types if recount else _drop_types_in_first_order
        order = drop(types, offsets, *holders_of(types, offsets, count))
    else:
        order = _drop_samples(types, offsets, count)
    types_left, samples_left, dropped_at, removed_at = order
    return PruningPath(types_left, samples_left, dropped_at, removed_at)


def _distinct_types(samples: Samples) -> tuple[np.ndarray, np.ndarray, int]:
    """Each sample's types end to end, each once, in the order given; where each sample's begin; how many there may be.

    Sorting them, as coverage does, would take longer than all of the pruning.
    """
    held, offsets = end_to_end(samples, "types")
    types = held.astype(np.int64, copy=False)
    count = int(types.max()) + 1 if len(types) else 0
    distinct, starts = _without_repeats(types, offsets, count)
    return distinct, starts, count


@compiled()
def _without_repeats(types: np.ndarray, offsets: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    distinct = np.empty_like(types)
    starts = np.zeros_like(offsets)
    last_holder = np.full(count, -1, dtype=np.int64)
    kept = 0
    for row in range(len(offsets) - 1):
        for kind in types[offsets[row] : offsets[row + 1]]:
            if last_holder[kind] != row:
                last_holder[kind] = row
                distinct[kept] = kind
                kept += 1
        starts[row + 1] = kept
    return distinct[:kept].copy(), starts


@compiled()
def _rise(heap: np.ndarray, place: np.ndarray, counts: np.ndarray, kind: int) -> None:
    """Move a type up a binary heap ordered by (count, type), after its count fell."""
    position = place[kind]
    while position > 0:
        above = (position - 1) // 2
        other = heap[above]
        if counts[other] < counts[kind] or (counts[other] == counts[kind] and other < kind):
            break
        heap[position] = other
        place[other] = position
        position = above
    heap[position] = kind
    place[kind] = position


@compiled()
def _sink(heap: np.ndarray, size: int, place: np.ndarray, counts: np.ndarray, kind: int, position: int) -> None:
    """Let a type sink from `position` to where it belongs."""
    while True:
        child = 2 * position + 1
        if child >= size:
            break
        if child + 1 < size:
            one, two = heap[child], heap[child + 1]
            if counts[two] < counts[one] or (counts[two] == counts[one] and two < one):
                child += 1
        other = heap[child]
        if counts[kind] < counts[other] or (counts[kind] == counts[other] and kind < other):
            break
        heap[position] = other
        place[other] = position
        position = child
    heap[position] = kind
    place[kind] = position


@compiled()
def _drop_types(
    types: np.ndarray, offsets: np.ndarray, holders: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    kinds = len(starts) - 1
    counts = starts[1:] - starts[:-1]
    dropped_at = np.full(len(offsets) - 1, NEVER)
    removed_at = np.where(counts > 0, NEVER, 0)
    # Sorted by (count, type) is a valid heap; types that nobody holds stay outside.
    heap = np.argsort(counts, kind="mergesort")
    heap = heap[np.searchsorted(counts[heap], 1) :].copy()
    place = np.zeros(kinds, dtype=np.int64)
    place[heap] = np.arange(len(heap))
    size, left = len(heap), len(dropped_at)
    types_left = np.empty(size + 1, dtype=np.int64)
    samples_left = np.empty(size + 1, dtype=np.int64)
    types_left[0], samples_left[0] = size, left
    step = 0
    while size > 0:
        step += 1
        kind = heap[0]
        for place_of_holder in range(starts[kind], starts[kind + 1]):
            sample = holders[place_of_holder]
            if dropped_at[sample] != NEVER:
                continue
            dropped_at[sample] = step
            left -= 1
            for held in types[offsets[sample] : offsets[sample + 1]]:
                counts[held] -= 1
                _rise(heap, place, counts, held)
        # What has no sample left, the chosen type among it, stands on top of the heap now.
        while size > 0 and counts[heap[0]] == 0:
            removed_at[heap[0]] = step
            size -= 1
            if size > 0:
                _sink(heap, size, place, counts, heap[size], 0)
        types_left[step], samples_left[step] = size, left
    return types_left[: step + 1], samples_left[: step + 1], dropped_at, removed_at


@compiled()
def _drop_types_in_first_order(
    types: np.ndarray, offsets: np.ndarray, holders: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    counts = starts[1:] - starts[:-1]
    dropped_at = np.full(len(offsets) - 1, NEVER)
    removed_at = np.where(counts > 0, NEVER, 0)
    kinds, left = np.count_nonzero(counts), len(dropped_at)
    types_left = np.empty(kinds + 1, dtype=np.int64)
    samples_left = np.empty(kinds + 1, dtype=np.int64)
    types_left[0], samples_left[0] = kinds, left
    step = 0
    for kind in np.argsort(counts, kind="mergesort"):
        if removed_at[kind] != NEVER:
            continue
        step += 1
        for sample in holders[starts[kind] : starts[kind + 1]]:
            if dropped_at[sample] != NEVER:
                continue
            dropped_at[sample] = step
            left -= 1
            for held in types[offsets[sample] : offsets[sample + 1]]:
                counts[held] -= 1
                if counts[held] == 0:
                    removed_at[held] = step
                    kinds -= 1
        types_left[step], samples_left[step] = kinds, left
    return types_left[: step + 1], samples_left[: step + 1], dropped_at, removed_at


@compiled()
def _drop_samples(
    types: np.ndarray, offsets: np.ndarray, kinds: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per type the number of its holders and the exclusive or of their rows: at one holder, that is its row.

    A sample's contribution only grows, so the least stale one is either up to date or sinks to where it belongs.
    """
    rows = len(offsets) - 1
    counts = np.zeros(kinds, dtype=np.int64)
    mixed = np.zeros(kinds, dtype=np.int64)
    for row in range(rows):
        for held in types[offsets[row] : offsets[row + 1]]:
            counts[held] += 1
            mixed[held] ^= row
    contribution = np.zeros(rows, dtype=np.int64)
    for kind in range(kinds):
        if counts[kind] == 1:
            contribution[mixed[kind]] += 1
    dropped_at = np.full(rows, NEVER)
    removed_at = np.where(counts > 0, NEVER, 0)
    # The heap orders by contributions as they were when a sample was last placed.
    placed = contribution.copy()
    heap = np.argsort(placed, kind="mergesort")
    place = np.zeros(rows, dtype=np.int64)
    place[heap] = np.arange(len(heap))
    size, left = len(heap), np.count_nonzero(removed_at)
    types_left = np.empty(size + 1, dtype=np.int64)
    samples_left = np.empty(size + 1, dtype=np.int64)
    types_left[0], samples_left[0] = left, size
    step = 0
    while size > 0:
        row = heap[0]
        if placed[row] != contribution[row]:
            placed[row] = contribution[row]
            _sink(heap, size, place, placed, row, 0)
            continue
        step += 1
        dropped_at[row] = step
        size -= 1
        if size > 0:
            _sink(heap, size, place, placed, heap[size], 0)
        for held in types[offsets[row] : offsets[row + 1]]:
            counts[held] -= 1
            mixed[held] ^= row
            if counts[held] == 0:
                removed_at[held] = step
                left -= 1
            elif counts[held] == 1:
                contribution[mixed[held]] += 1
        types_left[step], samples_left[step] = left, size
    return types_left, samples_left, dropped_at, removed_at
