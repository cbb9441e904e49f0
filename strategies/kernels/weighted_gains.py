"""Greedy coverage where neurons differ in weight, or count again when they are covered again.

Gains are kept as in `coverage`, decremented through the inverted index; being sums of floats now, they drift. The
drift has a bound, so only rows within twice that bound of the largest gain can be the best: those few are summed
anew, and the pick is the one of the literal form.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from strategies.kernels.checks import TIE, Progress, checked_budget
from strategies.kernels.compiling import compiled
from strategies.kernels.incidences import Incidences, States, inverted

Growth = Literal["step", "sqrt"]
PICKED = -np.inf


def weighted_coverage(
    states: States,
    budget: int,
    *,
    weights: np.ndarray | None = None,
    growth: Growth = "step",
    round_gain: float = 0.0,
    progress: Progress | None = None,
) -> np.ndarray:
    """Pick rows one by one, each with the largest gain in the sum over neurons of weight x growth(picks holding it).

    `states` is as for `max_coverage`. `weights` (neurons,), not negative, is 1 for each neuron when None. `growth`
    of a count is min(count, 1) for `step` and its square root for `sqrt`. When the largest gain is less than
    `round_gain` (0 to 1) of a state's worth (its gain when nothing is picked; the mean over rows that hold any
    neuron), all counts return to 0 and a new round begins; a round picks at least one row, and at 0 there is one.

    Gains are summed in float64 in ascending order of the neurons; those within 1e-12 of the largest are ties, and the
    lowest row wins. Returns (budget,), int64, in the order picked. Deterministic. Raises ValueError for a bad shape,
    value or budget. Source: greedy maximisation of a submodular sum, Nemhauser et al. (1978); weights, growth and
    rounds are our readings of MADS (arXiv 2605.30857), for study.
    """
    held = Incidences.of(states)
    size = checked_budget(budget, len(held))
    worths = _checked_weights(weights, held.neurons)
    if growth not in ("step", "sqrt"):
        raise ValueError(f"growth must be 'step' or 'sqrt', not {growth!r}")
    if not 0.0 <= round_gain <= 1.0:
        raise ValueError(f"round_gain is a share from 0 to 1, not {round_gain}")
    steps = np.arange(size + 1, dtype=np.float64)
    increments = np.where(steps == 0, 1.0, 0.0) if growth == "step" else 1.0 / (np.sqrt(steps) + np.sqrt(steps + 1))
    holders, starts = inverted(held)
    counts = np.zeros(len(worths), dtype=np.int64)
    full = np.asarray(_all_gains(held.ids, held.offsets, worths, increments, counts))
    least = round_gain * held.mean_worth(full) * (1.0 - TIE)
    # Rounding errors of one pick's subtractions, of the sum they began from and of the sum it is compared with.
    error = 4.0 * np.finfo(np.float64).eps * float(full.max()) * int(held.sizes.max())
    gains = full.copy()
    picks = np.empty(size, dtype=np.int64)
    in_round = 0
    for step in range(size):
        row, best = _best(held.ids, held.offsets, worths, increments, counts, gains, error * (in_round + 1), TIE)
        if best < least and in_round:
            counts[:] = 0
            in_round = 0
            np.copyto(gains, full, where=gains != PICKED)
            row, best = _best(held.ids, held.offsets, worths, increments, counts, gains, error, TIE)
        picks[step] = row
        in_round += 1
        _count(held.row(row), holders, starts, worths, increments, counts, gains)
        gains[row] = PICKED
        if progress:
            progress(step + 1, size)
    return picks


def rarity(states: States) -> np.ndarray:
    """One over the number of rows that hold each neuron, 0 where none does: (neurons,), float64.

    `states` is as for `max_coverage`. A weight of our own for the study of MADS: no source names one.
    """
    frequency = np.diff(inverted(Incidences.of(states))[1])
    return np.divide(1.0, frequency, out=np.zeros(len(frequency)), where=frequency > 0)


def _checked_weights(weights: np.ndarray | None, neurons: int) -> np.ndarray:
    if weights is None:
        return np.ones(neurons)
    worths = np.ascontiguousarray(weights, dtype=np.float64)
    if worths.ndim != 1 or len(worths) < neurons or not np.isfinite(worths).all() or (worths < 0).any():
        raise ValueError(f"weights must be {neurons} numbers that are not negative")
    return worths


@compiled()
def _count(
    neurons: np.ndarray,
    holders: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    increments: np.ndarray,
    counts: np.ndarray,
    gains: np.ndarray,
) -> None:
    for neuron in neurons:
        count = counts[neuron]
        counts[neuron] += 1
        fall = weights[neuron] * (increments[count] - increments[count + 1])
        if fall > 0.0:
            for place in range(starts[neuron], starts[neuron + 1]):
                gains[holders[place]] -= fall


@compiled()
def _gain(neurons: np.ndarray, weights: np.ndarray, increments: np.ndarray, counts: np.ndarray) -> float:
    gain = 0.0
    for neuron in neurons:
        gain += weights[neuron] * increments[counts[neuron]]
    return gain


@compiled()
def _all_gains(
    ids: np.ndarray, offsets: np.ndarray, weights: np.ndarray, increments: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    gains = np.empty(len(offsets) - 1)
    for row in range(len(gains)):
        gains[row] = _gain(ids[offsets[row] : offsets[row + 1]], weights, increments, counts)
    return gains


@compiled()
def _best(
    ids: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    increments: np.ndarray,
    counts: np.ndarray,
    gains: np.ndarray,
    slack: float,
    tie: float,
) -> tuple[int, float]:
    """The lowest row whose gain, summed anew, is within `tie` of the largest, and the largest gain."""
    bar = gains.max() - 2.0 * slack
    near = np.flatnonzero(gains >= bar - tie * abs(bar))
    exact = np.empty(len(near))
    for place in range(len(near)):
        row = near[place]
        exact[place] = _gain(ids[offsets[row] : offsets[row + 1]], weights, increments, counts)
    best = exact.max()
    for place in range(len(near)):
        if exact[place] >= best * (1.0 - tie):
            return near[place], best
    return -1, best
