"""What a run would do: the state of every cell, and how long the rest should take."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from suite.errors import BreadthError, FeatureError, TrainingError
from suite.runner.stages import evaluation_key
from suite.sources import nothing_fetched
from suite.training.job import TrainedModel

if TYPE_CHECKING:
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment

State = Literal["finished", "evaluated", "trained", "selected", "to do"]


@dataclass(frozen=True)
class Planned:
    """One cell and how far it has come in earlier runs."""

    cell: Cell
    state: State


@dataclass(frozen=True)
class Plan:
    """Every cell with its state, and an estimate of the seconds the rest takes (None when nothing is known)."""

    cells: tuple[Planned, ...]
    seconds_per_cell: float | None
    basis: str
    lanes: int

    @property
    def open_cells(self) -> int:
        """Cells that still need training or evaluation."""
        return sum(planned.state not in ("finished", "evaluated") for planned in self.cells)

    @property
    def seconds(self) -> float | None:
        """Estimated wall seconds of the rest on this many lanes."""
        if self.seconds_per_cell is None:
            return None
        return self.open_cells * self.seconds_per_cell / self.lanes


def make_plan(experiment: Experiment, cells: Sequence[Cell], lanes: int) -> Plan:
    """Look up every cell in the caches and the store; computes no feature, trains and downloads nothing."""
    with nothing_fetched():
        here = {name: _is_at_hand(experiment, name) for name in dict.fromkeys(cell.base_model for cell in cells)}
        planned = tuple(Planned(cell, _state(experiment, cell) if here[cell.base_model] else "to do") for cell in cells)
    costs = [
        result.cost.training_seconds + result.cost.evaluation_seconds
        for results in experiment.recorded.values()
        for result in results
        if result.training is not None
    ]
    if costs:
        return Plan(planned, statistics.median(costs), f"the median of {len(costs)} recorded cells", lanes)
    stated = experiment.track.seconds_per_cell
    return Plan(planned, stated, "the track's own figure" if stated else "nothing: the track states none", lanes)


def _is_at_hand(experiment: Experiment, base_model: str) -> bool:
    """Whether all that a cell's state hangs on is on this disk: of a cell whose pool is not, nothing is kept here."""
    if not experiment.base_ready(base_model):
        return False
    try:
        _ = experiment.base(base_model), experiment.pool, experiment.tasks
    except BreadthError:  # a run fetches it, or says what is wrong with it
        return False
    return True


def _state(experiment: Experiment, cell: Cell) -> State:
    picked = None
    if cell.strategy is not None:
        selector = experiment.selector(cell.base_model)
        try:
            picked = selector.cached(cell.strategy, cell.budget, cell.selection_seed)
        except FeatureError:  # a model that its features read is not here
            return "to do"
        if picked is None:
            return "to do"
    if experiment.finished(cell, picked):
        return "finished"
    base = experiment.base(cell.base_model).weights_sha256
    weights = base
    if picked is not None:
        folder = experiment.folders.model(experiment.training_key(cell, picked))
        try:
            weights = TrainedModel.read(folder).weights_sha256
        except TrainingError:  # missing, or damaged: a run trains it anew
            return "selected"
    scores = experiment.folders.evaluation(
        evaluation_key(weights, base, cell.track, experiment.tasks, experiment.engine)
    )
    return "evaluated" if scores.is_file() else "trained"
