"""Greedy maximum coverage in rounds, exact, by decremental gains.

The gain of a row is the number of its neurons that are not covered yet. Rather than counting it again in every step,
an inverted index (neuron -> rows that hold it) lets each neuron take one from the gains of its holders at the moment
it is covered: a round touches each incidence once, whatever the number of picks. Row numbers of the index take two
bytes while there are at most 65,536 rows.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import Progress, checked_budget
from strategies.kernels.compiling import compiled
from strategies.kernels.incidences import Incidences, States, inverted

PICKED = np.int32(-1)
HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)


def max_coverage(
    states: States,
    budget: int,
    *,
    round_gain: float,
    scores: np.ndarray | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Pick rows one by one, each with the most neurons that no pick of the round covers yet.

    `states` says which neurons (integers from 0) each of n rows holds: a matrix of neuron numbers (n, s), a matrix
    of booleans (n, neurons), a pair (neurons, offsets) end to end where row i holds `neurons[offsets[i]:offsets[i +
    1]]`, or a sequence of sequences (a list: a tuple of two arrays is such a pair). A neuron given twice for a row
    counts once. When the largest gain is less than `round_gain` (0 to 1) of a state's size (the mean over rows that
    hold any neuron), nothing counts as covered any more and a new round begins; a round picks at least one row. At 0
    there is one round, and once all is covered the rest are the lowest rows left.

    Ties go to the larger sum of `scores` over the neurons not covered yet, then to the lower row. `scores` has a
    value for each neuron of each state, shaped as the matrix or as `neurons`; sums run in float64 in ascending order
    of the neurons.

    Returns (budget,), int64, in the order picked. Deterministic. Memory beside `states`: two bytes an incidence (four
    above 65,536 rows). Raises ValueError for a bad shape, value or budget. Source: Nemhauser et al. (1978); the
    rounds are our reading of MADS (arXiv 2605.30857).
    """
    held = Incidences.of(states, scores)
    size = checked_budget(budget, len(held))
    if not 0.0 <= round_gain <= 1.0:
        raise ValueError(f"round_gain is a share from 0 to 1, not {round_gain}")
    holders, starts = inverted(held)
    sizes = held.sizes.astype(np.int32)
    least = round_gain * held.mean_worth(sizes)
    whole_sums = _sums_of_all(held) if held.scores is not None else None
    picked = np.zeros(len(held), dtype=np.bool_)
    picks = np.empty(size, dtype=np.int64)
    covered = np.zeros(held.neurons, dtype=np.bool_)
    gains = sizes.copy()
    fresh = True
    for step in range(size):
        best, ties = _largest(gains)
        if best < least and not fresh:
            covered[:] = False
            np.copyto(gains, np.where(picked, PICKED, sizes))
            fresh = True
            best, ties = _largest(gains)
        if len(ties) > 1 and whole_sums is not None and best > 0:
            sums = whole_sums[ties] if fresh else _new_sums(held, ties, covered)
            row = int(ties[np.argmax(sums)])
        else:
            row = int(ties[0])
        picks[step] = row
        picked[row] = True
        _cover(held.row(row), holders, starts, covered, gains)
        gains[row] = PICKED
        fresh = False
        if progress:
            progress(step + 1, size)
    return picks


@compiled()
def _largest(gains: np.ndarray) -> tuple[int, np.ndarray]:
    """The largest gain and the rows that have it, ascending."""
    best = gains.max()
    return best, np.flatnonzero(gains == best)


@compiled()
def _cover(
    neurons: np.ndarray, holders: np.ndarray, starts: np.ndarray, covered: np.ndarray, gains: np.ndarray
) -> None:
    for neuron in neurons:
        if not covered[neuron]:
            covered[neuron] = True
            for place in range(starts[neuron], starts[neuron + 1]):
                # Rows already picked keep falling below the mark of the picked; no row ever rises.
                gains[holders[place]] -= 1


def _sums_of_all(held: Incidences) -> np.ndarray:
    return _new_sums(held, np.arange(len(held)), np.zeros(held.neurons, dtype=np.bool_))


def _new_sums(held: Incidences, rows: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """The sum of scores over each row's neurons that are not covered, float64."""
    scores = held.scores
    assert scores is not None
    if scores.dtype == np.float16:
        # Compiled code does not read float16: its bits are places in a table of all 65,536 values.
        return np.asarray(_sum_new(held.ids, held.offsets, rows, scores.view(np.uint16), HALVES, covered))
    return np.asarray(_sum_new(held.ids, held.offsets, rows, scores, None, covered))


@compiled()
def _sum_new(
    ids: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    scores: np.ndarray,
    table: np.ndarray | None,
    covered: np.ndarray,
) -> np.ndarray:
    sums = np.zeros(len(rows))
    for place in range(len(rows)):
        for position in range(offsets[rows[place]], offsets[rows[place] + 1]):
            if not covered[ids[position]]:
                if table is None:
                    sums[place] += scores[position]
                else:
                    sums[place] += table[scores[position]]
    return sums
