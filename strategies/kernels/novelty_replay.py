"""Certifying single steps of a finished NovelSelect run, from nothing but its picks: no lists, no bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from strategies.kernels.checks import TIE, checked_power, checked_quality, checked_weights
from strategies.kernels.compiling import compiled
from strategies.kernels.novelty import unit_rows_in_float64
from strategies.kernels.novelty_products import value_of

PART = 512


@dataclass(frozen=True)
class ReplayedStep:
    """One step: the row that was picked, the row that wins, and their values (a mean over the picks before)."""

    step: int
    picked: int
    winner: int
    picked_value: float
    winner_value: float

    @property
    def certified(self) -> bool:
        """Whether the pick is the one that the definition asks for."""
        return self.picked == self.winner


def replay_novelselect(
    embeddings: np.ndarray,
    density: np.ndarray,
    picks: np.ndarray,
    step: int,
    *,
    distance_power: float = 1.0,
    quality: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayedStep:
    """Compute the value of every row not picked before `step` (1 to len(picks) - 1; step 0 is drawn) and compare.

    Arguments are those of `novelselect`, `picks` its result. Literal: every distance of every row to every pick
    before, sorted and weighted in float64; n step (d + log step) operations. Raises ValueError for picks that are no
    rows or not all different, a power that `novelselect` refuses, or a step there is not.
    """
    rows = unit_rows_in_float64(embeddings)
    densities = checked_weights(density, len(rows), "density")
    weights = checked_quality(quality, len(rows))
    chosen = _checked_picks(picks, len(rows))
    checked_power(distance_power, "distance_power")
    if not 1 <= step < len(chosen):
        raise ValueError(f"a step to replay must lie between 1 and {len(chosen) - 1}, not be {step}")
    before = chosen[:step]
    ranks = np.arange(1.0, step + 1) ** -distance_power
    picked_rows, picked_density = rows[before], densities[before]
    values = np.empty(len(rows))
    for start in range(0, len(rows), PART):
        stop = min(start + PART, len(rows))
        _values(rows, densities, picked_rows, picked_density, ranks, start, stop, TIE, values)
        if progress is not None:
            progress(stop, len(rows))
    values *= weights / step
    values[before] = -1.0
    winner = int(np.flatnonzero(values >= values.max() * (1 - TIE))[0])
    picked = int(chosen[step])
    return ReplayedStep(step, picked, winner, float(values[picked]), float(values[winner]))


def _checked_picks(picks: np.ndarray, rows: int) -> np.ndarray:
    chosen = np.asarray(picks)
    whole = chosen.ndim == 1 and len(chosen) and np.issubdtype(chosen.dtype, np.integer)
    if not whole or chosen.min() < 0 or chosen.max() >= rows:
        raise ValueError(f"picks must be row numbers between 0 and {rows - 1}")
    counts = np.bincount(chosen.astype(np.int64))
    if counts.max() > 1:
        raise ValueError(f"picks must be different rows, but row {int(np.argmax(counts > 1))} is among them twice")
    return chosen.astype(np.int64)


@compiled()
def _values(
    rows: np.ndarray,
    density: np.ndarray,
    chosen: np.ndarray,
    chosen_density: np.ndarray,
    ranks: np.ndarray,
    start: int,
    stop: int,
    tie: float,
    values: np.ndarray,
) -> None:
    for row in range(start, stop):
        values[row] = value_of(rows[row], density[row], chosen, chosen_density, ranks, tie)
