"""Where cells run, as options of the command line say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from suite.runner.cells import Cell
    from suite.runner.executors import Executor
    from suite.runner.experiment import Experiment

EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Where:
    """The options as given."""

    name: str = "local"
    ray_address: str | None = None
    jobs: int | None = None
    gpus_per_cell: int = 1

    def __post_init__(self) -> None:
        if self.name not in EXECUTORS:
            raise UnknownNameError("executor", self.name, EXECUTORS)
        if self.ray_address is not None and self.name != "ray":
            raise UsageError("--ray-address goes with --executor ray.")
        if self.gpus_per_cell < 1:
            raise UsageError(f"--gpus-per-cell must be at least 1, not {self.gpus_per_cell}.")

    def executor(self, experiment: Experiment, cells: Sequence[Cell]) -> Executor:
        """The executor of a run, once what would end the run has been looked for (`suite.runner.preflight`)."""
        from suite.machine import hardware
        from suite.runner.executors import LocalLanes
        from suite.runner.preflight import check_card, check_models

        models = [cell.base_model for cell in cells]

        def doubts(machine: str) -> list[str]:
            engine = experiment.engine.name
            return check_card(experiment.track, models, machine, self.gpus_per_cell, engine)

        if self.name == "local":
            lanes = LocalLanes(self.jobs, self.gpus_per_cell)
            for doubt in doubts(hardware()):
                experiment.notify(doubt)
            check_models(experiment, cells)
            return lanes
        from suite.runner.ray_cluster import RayCluster

        check_models(experiment, cells)
        shared = experiment.folders.cache.parent
        return RayCluster(
            self.ray_address,
            jobs=self.jobs,
            gpus_per_cell=self.gpus_per_cell,
            shared=shared,
            engine=experiment.engine,
            check=doubts,
            notify=experiment.notify,
        )

    def lanes_here(self) -> int:
        """How many cells would be worked on at once, as far as this machine can tell: a cluster is not asked."""
        from suite.runner.executors import LocalLanes

        return LocalLanes(self.jobs, self.gpus_per_cell).lanes() if self.name == "local" else self.jobs or 1
