"""What runs inside the worker processes: one handler that fine-tunes, one that evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from suite.reporting import Progress
from suite.results import LONGEST_PROMPT, TaskScore
from suite.runner.stages import EvaluatedRecord

if TYPE_CHECKING:
    from suite.engines import EngineName
    from suite.engines.vllm.engine import VllmSettings
    from suite.evaluation.protocol import Task, TaskOutcome
    from suite.evaluation.run import Evaluator
    from suite.runner.workers import Handler
    from suite.training.job import TrainedModel, TrainingJob


@dataclass(frozen=True)
class EvaluationJob:
    """One evaluation: a base model folder, a fine-tune of it (None: the bare model), and the tasks."""

    base_model: Path
    trained: TrainedModel | None
    tasks: tuple[Task, ...]
    engine: EngineName
    dtype: Literal["float32", "bfloat16"]
    batch_size: int
    template: str
    max_length: int
    threads: int
    vllm: VllmSettings | None = None


@dataclass(frozen=True)
class GroupJob:
    """Evaluations of one base model whose requests share batches; they differ in `trained` alone.

    The answer is a record for each, None where one has to be evaluated alone.
    """

    jobs: tuple[EvaluationJob, ...]


def trainer() -> Handler:
    """The handler of a trainer process; imports trl and peft before the first call, once."""
    import peft  # noqa: F401 - imported here so that no cell pays for it
    import trl  # noqa: F401

    from suite.training.finetune import finetune

    def handle(job: TrainingJob, progress: Progress) -> None:
        finetune(job, progress)

    return handle


def evaluator() -> Handler:
    """The handler of an evaluator process; keeps the last base model in memory between calls."""
    import time

    import peft  # noqa: F401 - imported here so that no cell pays for it

    from suite.memory import peak_memory_bytes, reset_peak_memory

    held: dict[Any, Evaluator] = {}

    def handle(asked: EvaluationJob | GroupJob, progress: Progress) -> EvaluatedRecord | list[EvaluatedRecord | None]:
        started = time.perf_counter()
        reset_peak_memory()
        jobs = asked.jobs if isinstance(asked, GroupJob) else (asked,)
        evaluator = _holding(held, jobs[0])
        outcomes: list[dict[str, TaskOutcome] | None]
        if isinstance(asked, GroupJob):
            outcomes = evaluator.evaluate_together(jobs[0].tasks, [job.trained for job in jobs], progress)
        else:
            outcomes = [evaluator.evaluate(asked.tasks, asked.trained, progress)]
        memory = max(peak_memory_bytes(), evaluator.memory_elsewhere)
        # Who is evaluated in company bears an equal share of the time.
        seconds = (time.perf_counter() - started) / len(jobs)
        records = [
            None if found is None else _record(evaluator, job.tasks, found, seconds, memory)
            for job, found in zip(jobs, outcomes, strict=True)
        ]
        if isinstance(asked, GroupJob):
            return records
        (record,) = records
        assert record is not None
        return record

    return handle


def _holding(held: dict[Any, Evaluator], job: EvaluationJob) -> Evaluator:
    """The evaluator of a job's base model, made now unless it is the one held; the one before is closed."""
    from suite.evaluation.run import Evaluator

    key = (job.base_model, job.engine, job.dtype, job.batch_size, job.template, job.max_length, job.vllm)
    if key not in held:
        for stale in held.values():
            stale.close()
        held.clear()
        held[key] = Evaluator(
            job.base_model,
            template=job.template,
            max_length=job.max_length,
            engine=job.engine,
            dtype=job.dtype,
            batch_size=job.batch_size,
            threads=job.threads,
            vllm=job.vllm,
        )
    return held[key]


def _record(
    evaluator: Evaluator, tasks: tuple[Task, ...], outcomes: dict[str, TaskOutcome], seconds: float, memory: int
) -> EvaluatedRecord:
    first_prompt_ids = outcomes[tasks[0].name].first_prompt_ids
    return EvaluatedRecord(
        tasks=tuple(
            TaskScore.pack(
                outcomes[task.name].values,
                name=task.name,
                kind=task.kind,
                unit=task.unit,
                chance=task.chance,
                items_sha256=task.items_sha256,
            )
            for task in tasks
        ),
        engine=evaluator.engine_name,
        versions=evaluator.versions,
        first_prompt_ids=first_prompt_ids,
        first_prompt=str(evaluator.model.tokenizer.decode(list(first_prompt_ids)))[:LONGEST_PROMPT],
        tokens=sum(outcome.tokens for outcome in outcomes.values()),
        seconds=seconds,
        peak_memory_bytes=memory,
    )
