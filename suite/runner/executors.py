"""Where cells run: an executor gives every lane of a run a seat, a place where its two processes live.

The runner plans, locks, caches and records in one process; a seat only answers the calls of one lane. So what a run
does is the same on this machine (`LocalLanes`) and on a Ray cluster (`suite.runner.ray_cluster`), and a cell is
recorded once wherever it was worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from suite.errors import BreadthError, UsageError
from suite.machine import cores, hardware, host_name, visible_gpus
from suite.runner.workers import cell_worker


class SeatLost(BreadthError):  # noqa: N818 - an outcome of a call, named as one
    """The machine a seat was on, or its way there, is gone; what it worked on may be tried elsewhere."""


class ExecutorLost(BreadthError):  # noqa: N818 - likewise
    """The executor itself is gone or cannot serve this run: no cell can go on."""


class Caller(Protocol):
    """A process that answers calls, such as `suite.runner.workers.Worker`."""

    def call(self, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        """Run one call and return its answer; raises WorkerFailed, WorkerDied, SeatLost or StorageError."""


class Seat(Protocol):
    """Where one lane works: a trainer and an evaluator process on one machine."""

    @property
    def trainer(self) -> Caller:
        """The process that fine-tunes."""

    @property
    def evaluator(self) -> Caller:
        """The process that evaluates."""

    @property
    def host(self) -> str:
        """The name of the machine, for cost blocks."""

    @property
    def hardware(self) -> str:
        """What the machine is, for cost blocks."""

    def start(self) -> None:
        """Ask for the place and start its processes; returns at once and may be called again."""

    def ready(self) -> bool:
        """Whether work can be done here now; a seat that is not gets no unit."""

    def stop(self) -> None:
        """End the processes at once and give the place back."""


class Executor(Protocol):
    """What a run's lanes work on; `close` gives it up."""

    gpus_per_cell: int

    def lanes(self) -> int:
        """How many cells are worked on at once. Raises BreadthError where none can be."""

    def threads(self, *, small: bool) -> int:
        """Threads of one process; `small` models take one, see `suite.runner.lanes`."""

    def seat(self, number: int, *, threads: int, logs: Path) -> Seat:
        """The seat of a lane; nothing is started yet."""

    def close(self) -> None:
        """Give up what `lanes` opened."""


class LocalLanes:
    """Lanes on this machine. Each sees `gpus_per_cell` GPUs, and lanes share them where there are more lanes."""

    def __init__(self, jobs: int | None = None, gpus_per_cell: int = 1):
        self.gpus_per_cell = gpus_per_cell
        self.devices = visible_gpus()
        if self.devices and len(self.devices) < gpus_per_cell:
            raise UsageError(
                f"A cell is to use {gpus_per_cell} GPUs, and this machine shows {len(self.devices)}. Set "
                "--gpus-per-cell to what there is, or take a machine with more."
            )
        groups = len(self.devices) // gpus_per_cell
        self.groups = [",".join(self.devices[gpus_per_cell * n : gpus_per_cell * (n + 1)]) for n in range(groups)]
        self._lanes = count_lanes(jobs, groups)
        self._hardware = hardware()

    def lanes(self) -> int:
        """As asked, else one a GPU or core."""
        return self._lanes

    def threads(self, *, small: bool) -> int:
        """All cores shared by the lanes, or one."""
        return 1 if small else max(1, cores() // self._lanes)

    def seat(self, number: int, *, threads: int, logs: Path) -> LocalSeat:
        """Two processes of this machine."""
        # Lanes share a GPU where there are more of them: a small model keeps a GPU waiting for Python.
        devices = self.groups[number % len(self.groups)] if self.groups else ""
        return LocalSeat(number, threads, logs, devices, self._hardware)

    def close(self) -> None:
        """Nothing was opened."""


class LocalSeat:
    """A trainer and an evaluator process of this machine; they outlive units and are replaced when they die."""

    def __init__(self, number: int, threads: int, logs: Path, devices: str, hardware: str):
        self.trainer = cell_worker("trainer", number, threads=threads, logs=logs, devices=devices)
        self.evaluator = cell_worker("evaluator", number, threads=threads, logs=logs, devices=devices)
        self.host = host_name()
        self.hardware = hardware

    def start(self) -> None:
        """Start both processes; they import their libraries in the background."""
        self.trainer.start()
        self.evaluator.start()

    def ready(self) -> bool:
        """Always: a call starts what does not run."""
        return True

    def stop(self) -> None:
        """End both processes at once."""
        self.trainer.stop()
        self.evaluator.stop()


def count_lanes(jobs: int | None, groups: int | None = None) -> int:
    """How many lanes work at once on this machine: as asked, else one a GPU (a group of them) or core."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {jobs}.")
    return jobs or (len(visible_gpus()) if groups is None else groups) or cores()
