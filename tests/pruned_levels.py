"""Which rows and types are left at a level, for tests that look at the levels alone and draw nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strategies.diversity_controlled import smallest_types_first, states_of_level
from strategies.even_sampling import TypeIncidences
from strategies.kernels import PruningPath, pruning_path
from strategies.kernels.pruning import Unit


@dataclass(frozen=True)
class Level:
    """How far to prune, in [0, 1], and by which reading (see `strategies.kernels.reverse_greedy_prune`)."""

    diversity: float
    unit: Unit = "type"
    recount: bool = True
    least: int | None = None


def keep_largest_types(
    incidences: TypeIncidences, budget: int, diversity: float, *, strategy: str, least: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Candidate rows and kept types (ascending, int64) of a level of macro and meso diversity."""
    return _left(smallest_types_first(incidences), incidences, budget, diversity, strategy, least)


def prune_to_level(
    incidences: TypeIncidences, budget: int, level: Level, *, strategy: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and types (ascending, int64) left at a level by reverse greedy pruning."""
    path = pruning_path(incidences.of_holding, unit=level.unit, recount=level.recount)
    return _left(path, incidences, budget, level.diversity, strategy, level.least)


def _left(
    path: PruningPath, incidences: TypeIncidences, budget: int, diversity: float, strategy: str, least: int | None
) -> tuple[np.ndarray, np.ndarray]:
    state, _ = states_of_level(path, budget, diversity, holding=incidences.holding, strategy=strategy, least=least)
    return incidences.holding[path.samples(state)], path.types(state)
