"""Which neurons each row holds, end to end in one array, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategies.kernels.compiling import compiled

States = np.ndarray | tuple[np.ndarray, np.ndarray] | Sequence[Sequence[int] | np.ndarray]
TWO_BYTES = 2**16


@dataclass(frozen=True)
class Incidences:
    """Row i holds `ids[offsets[i]:offsets[i + 1]]`, ascending and each once; `scores` has a number for each, or none.

    `ids` (incidences,) is any unsigned or signed integer, `offsets` (n + 1,) int64, `neurons` more than the largest.
    """

    ids: np.ndarray
    offsets: np.ndarray
    scores: np.ndarray | None
    neurons: int

    @classmethod
    def of(cls, states: States, scores: np.ndarray | None = None) -> Incidences:
        """Checked; ids that are ascending already are not copied. Raises ValueError for a bad shape or value."""
        ids, offsets = end_to_end(states)
        if scores is not None:
            scores = np.asarray(scores)
            if scores.size != ids.size or (isinstance(states, np.ndarray) and scores.shape != states.shape):
                raise ValueError(f"scores must be shaped as the states' neurons, not {scores.shape}")
            scores = scores.reshape(-1)
            if not np.isfinite(scores).all():
                raise ValueError("scores hold a value that is not a number")
        if not _ascending(ids, offsets):
            ids, offsets, scores = _sorted(ids, offsets, scores)
        return cls(ids, offsets, scores, int(ids.max()) + 1 if len(ids) else 0)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """How many neurons each row holds, int64."""
        return np.diff(self.offsets)

    def row(self, row: int) -> np.ndarray:
        """The neurons of one row."""
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def mean_worth(self, worth: np.ndarray) -> float:
        """The mean worth of the rows that hold any neuron; 0 when none does."""
        held = worth[self.sizes > 0]
        return float(held.mean(dtype=np.float64)) if len(held) else 0.0


def end_to_end(states: States, name: str = "neurons") -> tuple[np.ndarray, np.ndarray]:
    """What each row holds, end to end, and where each row's begins; ValueError unless all are integers from 0.

    `states` is as for `max_coverage`: a tuple that begins with an array is a pair (ids, offsets), and two rows come as
    a list. `name` is what errors call what the rows hold.
    """
    if isinstance(states, tuple) and len(states) == 2 and isinstance(states[0], np.ndarray):
        ids, offsets = states[0], _whole_numbers(states[1], "offsets")
        if ids.ndim != 1 or offsets.ndim != 1 or not len(offsets):
            raise ValueError(f"states as ({name}, offsets) are two arrays of one dimension")
        if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must rise from 0 to the {len(ids)} {name} there are")
    elif isinstance(states, np.ndarray):
        if states.ndim != 2:
            raise ValueError(f"states must be a matrix, not of shape {states.shape}")
        if states.dtype == np.bool_:
            sizes = np.count_nonzero(states, axis=1)
            ids, offsets = np.nonzero(states)[1], np.concatenate([[0], np.cumsum(sizes)])
        else:
            ids, offsets = states.reshape(-1), np.arange(len(states) + 1, dtype=np.int64) * states.shape[1]
    else:
        rows = [_whole_numbers(held, name).reshape(-1) for held in states]
        ids = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(held) for held in rows])]).astype(np.int64)
    if not len(ids):
        ids = ids.astype(np.int64)  # an empty list has no type that would mean anything
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{name} are integers from 0, not of type {ids.dtype}")
    if len(ids) and not np.issubdtype(ids.dtype, np.unsignedinteger) and ids.min() < 0:
        raise ValueError(f"{name} are integers from 0, not {ids.min()}")
    return np.ascontiguousarray(ids), offsets


def _whole_numbers(values: Sequence[int] | np.ndarray, name: str) -> np.ndarray:
    """As int64; ValueError where a conversion would cut something off. An empty list has no type that counts."""
    numbers = np.asarray(values)
    if numbers.size and numbers.dtype.kind not in "iu":
        raise ValueError(f"{name} are integers from 0, not of type {numbers.dtype}")
    return np.ascontiguousarray(numbers, dtype=np.int64)


@compiled()
def _ascending(ids: np.ndarray, offsets: np.ndarray) -> bool:
    for row in range(len(offsets) - 1):
        for place in range(offsets[row] + 1, offsets[row + 1]):
            if ids[place] <= ids[place - 1]:
                return False
    return True


def _sorted(
    ids: np.ndarray, offsets: np.ndarray, scores: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Each row's neurons ascending, each once with its first score."""
    kept = []
    sizes = np.zeros(len(offsets), dtype=np.int64)
    for row in range(len(offsets) - 1):
        places = np.unique(ids[offsets[row] : offsets[row + 1]], return_index=True)[1]
        kept.append(offsets[row] + places)
        sizes[row + 1] = len(places)
    order = np.concatenate(kept)
    return ids[order], np.cumsum(sizes), None if scores is None else scores[order]


def inverted(held: Incidences) -> tuple[np.ndarray, np.ndarray]:
    """The rows that hold each neuron, end to end and ascending (uint16 or uint32), and where each neuron's begin."""
    return holders_of(held.ids, held.offsets, held.neurons)


def holders_of(ids: np.ndarray, offsets: np.ndarray, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of what rows hold in any order, each once."""
    holders = np.empty(len(ids), dtype=np.uint16 if len(offsets) - 1 <= TWO_BYTES else np.uint32)
    return holders, _invert(ids, offsets, neurons, holders)


@compiled()
def _invert(ids: np.ndarray, offsets: np.ndarray, neurons: int, holders: np.ndarray) -> np.ndarray:
    starts = np.zeros(neurons + 1, dtype=np.int64)
    for neuron in ids:
        starts[neuron + 1] += 1
    starts = np.cumsum(starts)
    free = starts[:-1].copy()
    for row in range(len(offsets) - 1):
        for neuron in ids[offsets[row] : offsets[row + 1]]:
            holders[free[neuron]] = row
            free[neuron] += 1
    return starts
