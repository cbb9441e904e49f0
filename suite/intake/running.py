"""Evaluating a submission with the runner: its cells alone, whatever reference rows a track has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import BreadthError
from suite.intake.evaluator import Control, EvaluationFailed
from suite.intake.given import Given, Spent
from suite.intake.record import former_record, record_of, write_record
from suite.intake.requests import Request
from suite.intake.selections import Which
from suite.reporting import Notify, Progress, no_progress
from suite.runner.runner import Watcher

if TYPE_CHECKING:
    from suite.intake.sandbox.selecting import Selected
    from suite.registry import Strategy
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.runner.schedule import Unit
    from suite.stores import Store
    from suite.track import Track

CodeSelector = Callable[[Request, Path, Control], "Selected"]
"""Runs a code submission's selections in isolation and gives the index-only submission they come to."""
Publishing = Callable[["Store", "Track"], AbstractContextManager[object]]
"""Publishes what its block puts into the store; ends well only when all of it is where everybody can read it."""
REASONS_NAMED = 5


class Told(Watcher):
    """Passes on to a request's control what a run tells, and stops the run's selections when that is asked for."""

    def __init__(self, control: Control, track: str, cells: int):
        self._control, self._track, self._cells = control, track, cells
        self._done = 0

    def selecting(self, cell: Cell, done: int, total: int) -> None:
        """A selection is about to be made: the place to stop before a long one."""
        self._control.check()
        if done == 0:
            self._control.stage(f"{self._track}: selections")

    def started(self, lane: int, unit: Unit) -> None:
        """A lane has begun a unit."""
        self._control.say(f"{self._track}: lane {lane} begins {unit}")

    def finished(self, lane: int, unit: Unit, seconds: float) -> None:
        """A unit's results are recorded."""
        self._done += len(unit.cells)
        self._control.stage(f"{self._track}: {self._done} of {self._cells} cells")

    def failed(self, lane: int, unit: Unit, reason: str) -> None:
        """A unit could not be finished."""
        self._control.say(f"{self._track}: {unit} failed: {reason}")


class RunnerEvaluator:
    """The evaluator of the board's workers; see `suite.intake.evaluator.Evaluator`."""

    def __init__(
        self,
        store: Store,
        tracks: Mapping[str, Track],
        *,
        jobs: int,
        notify: Notify,
        progress: Callable[[str], Progress],
        publishing: Publishing = lambda store, track: contextlib.nullcontext(),
        code: CodeSelector | None = None,
        discard_models: bool = False,
    ):
        self.store, self.tracks, self.jobs = store, tracks, jobs
        self._notify, self._progress, self._publishing = notify, progress, publishing
        self._code, self._discard_models = code, discard_models

    def evaluate(self, request: Request, folder: Path, control: Control) -> None:
        """Run every cell that the request asks for and that the store does not hold yet, track by track."""
        selected: Selected | None = None
        if request.wanted.kind == "code":
            if self._code is None:
                # Claimed before the sandbox was lost: it goes back to those who have one.
                control.stop("this worker has no sandbox any more, and runs no code of others without one")
                control.check()
            assert self._code is not None
            control.stage("select in the sandbox")
            selected = self._code(request, folder, control)
            folder = selected.folder
        record = record_of(request, folder, selected)
        former = former_record(self.store, record)
        for name, budgets in request.wanted.tracks.items():
            control.check()
            track = self.tracks[name]
            with _loaded(folder, track, selected.spent if selected else {}) as strategy:
                experiment = self._experiment(track, control)
                record = record.with_picks(name, strategy.hashes(experiment.pool, track=name, budgets=budgets))
                if former is None:
                    # Before the results: no row of it shall be on the board without what is known of it.
                    write_record(self.store, record)
                self._run(experiment, strategy, budgets, control)
        for name in {**former.submission.tracks, **request.wanted.tracks} if former else ():
            # After the results: until all of it is there, the former version stands.
            if name in self.tracks:
                with self._publishing(self.store, self.tracks[name]):
                    write_record(self.store, record)

    def _experiment(self, track: Track, control: Control) -> Experiment:
        from suite.runner.experiment import Experiment

        return Experiment(
            track=track,
            store=self.store,
            notify=self._notify,
            progress=lambda title: self._checking(title, control),
            discard_models=self._discard_models,
        )

    def _run(self, experiment: Experiment, strategy: Strategy, budgets: tuple[int, ...], control: Control) -> None:
        from suite.runner.cells import Wanted, plan_cells
        from suite.runner.runner import Runner

        track = experiment.track
        cells = [cell for cell in plan_cells(track, [strategy], Wanted(budgets=budgets)) if cell.strategy]
        runner = Runner(experiment, jobs=self.jobs, watcher=Told(control, track.name, len(cells)))
        control.on_stop(runner.stop)
        with self._publishing(self.store, track):
            outcome = runner.run(cells)
            control.check()
        before = len(outcome.finished_before)
        control.say(f"{track.name}: {len(outcome.recorded)} cells recorded, {before} were finished before")
        if outcome.failed:
            reasons = "; ".join(f"{one.cell}: {one.reason}" for one in outcome.failed[:REASONS_NAMED])
            raise EvaluationFailed(
                f"{len(outcome.failed)} of {len(cells)} cells of {track.name} failed: {reasons}", "board"
            )

    def _checking(self, title: str, control: Control) -> Progress:
        """The progress of a long piece of work, which is also where it can be stopped."""
        told = self._progress(title)

        def progress(done: int, total: int) -> None:
            control.check()
            told(done, total)

        return progress


@contextmanager
def _loaded(folder: Path, track: Track, spent: Mapping[Which, Spent]) -> Iterator[Given]:
    """The strategy of a submission's folder while the block runs; index-only by now, whatever was sent."""
    from suite.intake.loading import load
    from suite.registry import strategies

    made = load(folder, track=track)
    assert issubclass(made, Given)
    made.costs = spent
    try:
        yield made()
    finally:
        strategies.forget(made.info.name)


def served_tracks(names: list[str] | None, store: Store, *, notify: Notify) -> dict[str, Track]:
    """The tracks a worker serves: those named (or files of one's own), else all that this machine can run.

    Raises CannotRun for one that is named and cannot run here, TrainingError for one whose models are closed to us:
    a worker would take its requests one after the other and fail them. Others are left out, and `notify` is told why.
    """
    from suite.machine import gpus, hardware
    from suite.runner.experiment import Experiment
    from suite.runner.lacking import check_here
    from suite.track import load_track, track_names

    loaded = [load_track(name) for name in names or track_names()]
    if not names and not gpus():
        loaded = [track for track in loaded if track.gpu_hours == 0]
    served = {}
    for track in loaded:
        try:
            check_here(Experiment(track, store, notify, lambda title: no_progress), hardware())
            served[track.name] = track
        except BreadthError as error:
            if names:
                raise
            notify(f"{track.name} is not served: {error}")
    if not served:
        raise BreadthError("No track can be run on this machine; `breadth doctor` says what is missing.")
    return served
