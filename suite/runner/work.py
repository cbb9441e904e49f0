"""What runs inside the worker processes: one handler that fine-tunes, one that evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from suite.reporting import Progress
from suite.results import LONGEST_PROMPT, TaskScore
from suite.runner.stages import EvaluatedRecord

if TYPE_CHECKING:
    from suite.evaluation.protocol import Task
    from suite.runner.workers import Handler
    from suite.training.job import TrainedModel, TrainingJob


@dataclass(frozen=True)
class EvaluationJob:
    """One evaluation: a base model folder, a fine-tune of it (None: the bare model), and the tasks."""

    base_model: Path
    trained: TrainedModel | None
    tasks: tuple[Task, ...]
    engine: Literal["auto", "transformers", "vllm"]
    dtype: Literal["float32", "bfloat16"]
    batch_size: int
    template: str
    max_length: int
    threads: int


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

    from suite.evaluation.run import Evaluator
    from suite.training.memory import peak_memory_bytes, reset_peak_memory

    held: dict[tuple[str, ...], Evaluator] = {}

    def handle(job: EvaluationJob, progress: Progress) -> EvaluatedRecord:
        started = time.perf_counter()
        reset_peak_memory()
        key = (str(job.base_model), job.engine, job.dtype, str(job.batch_size), job.template, str(job.max_length))
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
            )
        outcomes = held[key].evaluate(job.tasks, job.trained, progress)
        first_prompt_ids = outcomes[job.tasks[0].name].first_prompt_ids
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
                for task in job.tasks
            ),
            engine=held[key].engine_name,
            versions=held[key].versions,
            first_prompt_ids=first_prompt_ids,
            first_prompt=str(held[key].tokenizer.decode(list(first_prompt_ids)))[:LONGEST_PROMPT],
            tokens=sum(outcome.tokens for outcome in outcomes.values()),
            seconds=time.perf_counter() - started,
            peak_memory_bytes=peak_memory_bytes(),
        )

    return handle
