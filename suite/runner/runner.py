"""Running cells: selections first, then training and evaluation on lanes, each result recorded as it is made."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from suite.errors import BreadthError, StorageError
from suite.extras import require
from suite.memory import give_back_memory, gpu_in_use
from suite.results import Cost, Hashes, Result, pack_picks
from suite.runner.cells import Cell
from suite.runner.executors import ExecutorLost, LocalLanes, SeatLost
from suite.runner.lanes import Lane, LaneSettings
from suite.runner.schedule import Schedule, Unit
from suite.runner.stages import EvaluatedRecord, as_json
from suite.runner.together import Group, check_engine, grouped, wants_company
from suite.runner.workers import WorkerDied

if TYPE_CHECKING:
    from suite.runner.executors import Executor
    from suite.runner.experiment import Experiment
    from suite.runner.selecting import Picked
    from suite.training.job import TrainedModel

DEATHS_FORGIVEN = 1
"""Times a process may die at a unit, which is then tried again: more often, it is the unit that kills."""
LOSSES_FORGIVEN = 3
"""Times the machine under a unit may be lost: machines come and go, but one that a unit brings down is not tried on."""

Scheduled = TypeVar("Scheduled", Unit, Group)


@dataclass
class Failure:
    """A cell that could not be finished, and why."""

    cell: Cell
    reason: str


@dataclass
class Outcome:
    """What a run did: cells recorded now, cells that were finished before, cells that failed."""

    recorded: list[Cell] = field(default_factory=list)
    finished_before: list[Cell] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


class Watcher:
    """What a display is told; the methods do nothing here and are called from several threads."""

    def selecting(self, cell: Cell, done: int, total: int) -> None:
        """A selection is about to be made (or read)."""

    def started(self, lane: int, unit: Unit) -> None:
        """A lane has begun a unit."""

    def progressed(self, lane: int, stage: str, done: int, total: int) -> None:
        """A lane's stage has come further."""

    def finished(self, lane: int, unit: Unit, seconds: float) -> None:
        """A unit's results are recorded."""

    def failed(self, lane: int, unit: Unit, reason: str) -> None:
        """A unit could not be finished."""


class Runner:
    """Runs the cells of one experiment on the lanes of an executor: `jobs` lanes of this machine where none is given.

    Selections, locks and records are this process's own, whatever machine a cell is trained on.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        jobs: int | None = None,
        executor: Executor | None = None,
        watcher: Watcher | None = None,
    ):
        require("train", "Running cells")
        self.experiment = experiment
        self.watcher = watcher or Watcher()
        self.outcome = Outcome()
        self.executor = executor or LocalLanes(jobs)
        self._guard = threading.Lock()
        self._broken: StorageError | ExecutorLost | None = None
        self._called_off = threading.Event()
        self._deaths: Counter[tuple[type[WorkerDied | SeatLost], str]] = Counter()
        # What the track lacks is said before an executor is opened for it.
        _ = experiment.pool, experiment.tasks
        try:
            self.lanes = self._open_lanes()
        except BaseException:
            self.executor.close()
            raise

    def run(self, cells: Sequence[Cell]) -> Outcome:
        """Finish every cell that is not finished yet; an interruption loses at most the stage in hand.

        A failed cell is reported in the outcome and does not stop the others. Raises StorageError when stage
        outputs or results cannot be written.
        """
        try:
            units = self._units(cells)
            if gpu_in_use():
                # A feature that failed in this process held its model for as long as there was its error.
                give_back_memory()
            if wants_company(self.experiment.track, self.experiment.engine):
                units = self._evaluate_ahead(units)
            self._share(units, self._finish)
        finally:
            for lane in self.lanes:
                lane.seat.stop()
            self.executor.close()
        if self._broken is not None:
            raise self._broken
        return self.outcome

    def _open_lanes(self) -> list[Lane]:
        lanes = self.executor.lanes()
        check_engine(self.experiment.engine, self.executor)
        settings = LaneSettings.of(self.experiment, self.executor)
        return [
            Lane(number, settings, self.executor.seat(number, threads=settings.threads, logs=settings.folders.logs))
            for number in range(lanes)
        ]

    def stop(self) -> None:
        """Call the run off, from any thread: `run` returns soon, with what is finished recorded."""
        self._called_off.set()

    def _share(self, units: Sequence[Scheduled], work: Callable[[Lane, Scheduled], None]) -> None:
        """Have every unit worked on by some lane."""
        if self._called_off.is_set() or self._broken is not None:
            return
        schedule = Schedule(units)
        threads = [
            threading.Thread(target=self._work, args=(lane, schedule, work), daemon=True)
            for lane in self.lanes[: len(units)]
        ]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads) and not self._called_off.is_set():
                for thread in threads:
                    thread.join(timeout=0.2)
        finally:
            schedule.stop()
        while any(thread.is_alive() for thread in threads):
            # Called off: a lane that was between two calls may have started its child anew.
            for lane in self.lanes:
                lane.seat.stop()
            for thread in threads:
                thread.join(timeout=0.2)

    def _warm(self) -> None:
        for lane in self.lanes:
            lane.seat.start()

    def _units(self, cells: Sequence[Cell]) -> list[Unit]:
        """Make (or read) the selections, leave out finished cells, and join cells of equal picks."""
        grouped: dict[str, list[Cell]] = {}
        made: dict[str, tuple[Picked | None, Cell]] = {}
        for done, cell in enumerate(cells):
            self.watcher.selecting(cell, done, len(cells))
            try:
                picked = self.experiment.pick(cell)
            except StorageError:
                raise
            except BreadthError as error:
                self.outcome.failed.append(Failure(cell, str(error)))
                continue
            if self.experiment.finished(cell, picked):
                self.outcome.finished_before.append(cell)
                continue
            # The lanes import their libraries while the remaining selections are made.
            self._warm()
            key = self.experiment.training_key(cell, picked)
            grouped.setdefault(key, []).append(cell)
            made[key] = (picked, cell)
        return [
            Unit(key, tuple(group), made[key][0], self.experiment.base(group[0].base_model), group[0].training_seed)
            for key, group in grouped.items()
        ]

    def _evaluate_ahead(self, units: Sequence[Unit]) -> list[Unit]:
        """Train all, then evaluate in groups, into the caches; gives the units whose training has not failed.

        A group that cannot be evaluated fails none of them: they are evaluated one by one when they are finished.
        """
        trained: dict[str, TrainedModel | None] = {}

        def train(lane: Lane, unit: Unit) -> None:
            trained[unit.key] = lane.train(unit, functools.partial(self.watcher.progressed, lane.number))

        def evaluate(lane: Lane, group: Group) -> None:
            lane.evaluate_together(group.members, functools.partial(self.watcher.progressed, lane.number))

        self._share(units, train)
        going = [unit for unit in units if unit.key in trained]
        self._share(grouped([(unit, trained[unit.key]) for unit in going], len(self.lanes)), evaluate)
        return going

    def _work(self, lane: Lane, schedule: Schedule[Scheduled], work: Callable[[Lane, Scheduled], None]) -> None:
        try:
            for unit in schedule.take(self.experiment.folders.locks, lane.seat.ready):
                self._try(lane, unit, schedule, work)
        except (StorageError, ExecutorLost) as error:
            # No other unit could go on, or keep its work, either.
            if not schedule.stopped:
                self._broken = error
            schedule.stop()

    def _try(
        self, lane: Lane, unit: Scheduled, schedule: Schedule[Scheduled], work: Callable[[Lane, Scheduled], None]
    ) -> None:
        started = time.monotonic()
        shown = unit if isinstance(unit, Unit) else unit.members[0][0]
        self.watcher.started(lane.number, shown)
        try:
            work(lane, unit)
        except (StorageError, ExecutorLost):
            raise
        except Exception as error:  # one failed unit is data; the others go on
            if schedule.stopped:
                return
            if isinstance(error, WorkerDied | SeatLost) and self._forgiven(error, unit):
                schedule.put_back(unit)
                return
            reason = str(error) if isinstance(error, BreadthError) else f"{type(error).__name__}: {error}"
            if isinstance(unit, Group):
                # No cell has failed: what the group was to leave in the cache, each unit makes when it is finished.
                self.experiment.notify(f"{unit}: {reason.rstrip('.')}. They are evaluated one by one.")
                return
            with self._guard:
                self.outcome.failed += [Failure(cell, reason) for cell in unit.cells]
            self.watcher.failed(lane.number, shown, reason)
        else:
            if work == self._finish:
                self.watcher.finished(lane.number, shown, time.monotonic() - started)

    def _forgiven(self, error: WorkerDied | SeatLost, unit: Unit | Group) -> bool:
        with self._guard:
            self._deaths[type(error), unit.key] += 1
            # What kills a process in company may do no harm alone.
            deaths = 0 if isinstance(unit, Group) else DEATHS_FORGIVEN
            allowed = LOSSES_FORGIVEN if isinstance(error, SeatLost) else deaths
            forgiven = self._deaths[type(error), unit.key] <= allowed
        if forgiven:
            self.experiment.notify(f"{unit}: {error} It is tried again.")
        return forgiven

    def _finish(self, lane: Lane, unit: Unit) -> None:
        report = functools.partial(self.watcher.progressed, lane.number)
        cells = [cell for cell in unit.cells if not self.experiment.finished(cell, unit.picked, by_now=True)]
        with self._guard:
            known = (*cells, *self.outcome.finished_before)
            self.outcome.finished_before += [cell for cell in unit.cells if cell not in known]
        if not cells:
            return
        trained = lane.train(unit, report)
        evaluated = lane.evaluate(unit, trained, report)
        for cell in cells:
            self.experiment.store.put(self._result(cell, unit, trained, evaluated, lane))
            with self._guard:
                self.outcome.recorded.append(cell)

    def _result(
        self, cell: Cell, unit: Unit, trained: TrainedModel | None, evaluated: EvaluatedRecord, lane: Lane
    ) -> Result:
        picked = self.experiment.pick(cell)
        strategy = cell.strategy
        return Result(
            cell=cell.identity,
            reference=strategy.reference if strategy else True,
            selection_size=len(picked.selection) if picked else 0,
            parameters=as_json(strategy.parameters) if strategy else {},
            hashes=Hashes(
                pool=self.experiment.pool.fingerprint,
                selection=picked.selection.sha256 if picked else None,
                base_weights=unit.base.weights_sha256,
                weights=trained.weights_sha256 if trained else unit.base.weights_sha256,
            ),
            engine=evaluated.engine,
            versions=evaluated.versions,
            training=trained.training if trained else None,
            tasks=evaluated.tasks,
            first_prompt_ids=evaluated.first_prompt_ids,
            first_prompt=evaluated.first_prompt,
            picks=pack_picks(picked.selection.rows) if picked else None,
            remarks=picked.remarks if picked else (),
            cost=Cost(
                host=lane.seat.host,
                hardware=lane.seat.hardware,
                finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
                feature_seconds=picked.feature_seconds if picked else 0.0,
                selection_seconds=picked.seconds if picked else 0.0,
                training_seconds=trained.seconds if trained else 0.0,
                evaluation_seconds=evaluated.seconds,
                peak_memory_bytes=max(trained.peak_memory_bytes if trained else 0, evaluated.peak_memory_bytes),
                training_flops=trained.training_flops if trained else 0.0,
                evaluation_tokens=evaluated.tokens,
                training_loop_seconds=trained.loop_seconds if trained else None,
                model_flop_utilisation=trained.model_flop_utilisation if trained else None,
                determinism=trained.determinism if trained else None,
            ),
        )
