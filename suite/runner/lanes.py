"""A lane: the cached stages, run on one trainer and one evaluator process, long-lived, wherever these are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.engines.vllm.engine import VllmSettings
from suite.errors import TrainingError
from suite.runner.schedule import Unit
from suite.runner.stages import (
    EvaluatedRecord,
    Notify,
    StageFolders,
    evaluation_key,
    read_record,
    write_record,
)
from suite.runner.work import EvaluationJob, GroupJob
from suite.training.job import RECORD, TrainedModel, TrainingJob

if TYPE_CHECKING:
    from suite.engines import EngineFacts
    from suite.evaluation.protocol import Task
    from suite.pool import Pool
    from suite.runner.executors import Executor, Seat
    from suite.runner.experiment import Experiment
    from suite.track import Track

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LaneSettings:
    """What every lane of a run shares."""

    track: Track
    pool: Pool
    tasks: tuple[Task, ...]
    engine: EngineFacts
    folders: StageFolders
    notify: Notify
    threads: int
    gpus_per_cell: int
    discard_models: bool

    @classmethod
    def of(cls, experiment: Experiment, executor: Executor) -> LaneSettings:
        """Settings for the lanes of an executor. Raises EvaluationError where a task cannot be evaluated here."""
        for task in experiment.tasks:
            task.check_machine()
        # Tiny models run up to fifty times slower when torch's threads spin against each other.
        small = all(model.kind == "built" for model in experiment.track.base_models)
        return cls(
            track=experiment.track,
            pool=experiment.pool,
            tasks=experiment.tasks,
            engine=experiment.engine,
            folders=experiment.folders,
            notify=experiment.notify,
            threads=executor.threads(small=small),
            gpus_per_cell=executor.gpus_per_cell,
            discard_models=experiment.discard_models,
        )


class Lane:
    """Runs units one after the other, on the processes of its seat."""

    def __init__(self, number: int, settings: LaneSettings, seat: Seat):
        self.number = number
        self.settings = settings
        self.seat = seat
        self.trainer = seat.trainer
        self.evaluator = seat.evaluator

    def train(self, unit: Unit, report: Report) -> TrainedModel | None:
        """The unit's weights, from the cache or trained now; None for the untuned base."""
        if unit.picked is None:
            return None
        folder = self.settings.folders.model(unit.key)
        if folder.exists():
            found = self._trained_before(folder, unit)
            if found is not None:
                return found
            shutil.rmtree(folder)
        report("train", 0, 1)
        job = TrainingJob(
            base_model=unit.base.folder,
            samples=tuple(self.settings.pool.samples(unit.picked.selection.rows)),
            recipe=self.settings.track.recipe_for(unit.base.name),
            training_seed=unit.training_seed,
            output=folder,
            threads=self.settings.threads,
            gpus=self.settings.gpus_per_cell,
        )
        self.trainer.call(job, lambda done, total: report("train", done, total))
        return TrainedModel.read(folder)

    def evaluate(self, unit: Unit, trained: TrainedModel | None, report: Report) -> EvaluatedRecord:
        """The unit's scores, from the cache or evaluated now."""
        path = self._scores_of(unit, trained)
        found = read_record(path, EvaluatedRecord, self.settings.notify)
        if found is None:
            report("evaluate", 0, 1)
            job = self._job(unit, trained)
            found = self.evaluator.call(job, lambda done, total: report("evaluate", done, total))
            write_record(path, found)
        if trained is not None and self.settings.discard_models:
            self._discard(trained.folder)
        return found

    def evaluate_together(self, group: Sequence[tuple[Unit, TrainedModel | None]], report: Report) -> None:
        """Evaluate units of one base model in one go and keep their scores, for `evaluate` to find.

        Those that cannot be evaluated in this company are left to it, which says why.
        """
        paths = {unit.key: self._scores_of(unit, trained) for unit, trained in group}
        open_ones = [
            one for one in group if read_record(paths[one[0].key], EvaluatedRecord, self.settings.notify) is None
        ]
        if not open_ones:
            return
        report("evaluate", 0, 1)
        job = GroupJob(tuple(self._job(unit, trained) for unit, trained in open_ones))
        records = self.evaluator.call(job, lambda done, total: report("evaluate", done, total))
        for (unit, _), record in zip(open_ones, records, strict=True):
            if record is not None:
                write_record(paths[unit.key], record)

    def _job(self, unit: Unit, trained: TrainedModel | None) -> EvaluationJob:
        track, engine = self.settings.track, self.settings.engine
        return EvaluationJob(
            base_model=unit.base.folder,
            trained=trained,
            tasks=self.settings.tasks,
            engine=engine.name,
            dtype=track.evaluation.dtype,
            batch_size=track.evaluation.batch_size,
            template=track.recipe.template,
            max_length=track.recipe.max_length,
            threads=self.settings.threads,
            vllm=VllmSettings.of(track, self.settings.gpus_per_cell) if engine.name == "vllm" else None,
        )

    def _trained_before(self, folder: Path, unit: Unit) -> TrainedModel | None:
        """The fine-tune in `folder`, if it is whole and its weights are there or needed no more."""
        try:
            trained = TrainedModel.read(folder)
        except TrainingError as error:
            self.settings.notify(f"{error} It is made again.")
            return None
        if any(folder.glob("*.safetensors")):
            damaged = trained.changed()
            if damaged is None:
                return trained
            self.settings.notify(f"{folder} is damaged ({damaged} has changed since it was written). It is made again.")
            return None
        if self._scores(trained.weights_sha256, unit).is_file():
            return trained
        self.settings.notify(f"The weights of {unit} were discarded and are needed again; they are trained again.")
        return None

    def _scores_of(self, unit: Unit, trained: TrainedModel | None) -> Path:
        return self._scores(trained.weights_sha256 if trained else unit.base.weights_sha256, unit)

    def _scores(self, weights_sha256: str, unit: Unit) -> Path:
        key = evaluation_key(
            weights_sha256, unit.base.weights_sha256, self.settings.track, self.settings.tasks, self.settings.engine
        )
        return self.settings.folders.evaluation(key)

    def _discard(self, folder: Path) -> None:
        """Delete the weights once their scores are kept; the record of the training stays."""
        for path in folder.iterdir():
            if path.name != RECORD:
                path.unlink() if path.is_file() else shutil.rmtree(path)
