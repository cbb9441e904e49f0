"""What runs inside the worker processes: one handler that fine-tunes, one that evaluates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suite.evaluation.protocol import Task
    from suite.runner.workers import Handler
    from suite.training.job import TrainingJob

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluationJob:
    """One evaluation: a base model folder, the fine-tune on top of it (`kind` adapter, full or base), and the tasks."""

    base_model: Path
    model: Path | None
    kind: str
    tasks: tuple[Task, ...]
    engine: str
    dtype: str
    batch_size: int
    template: str
    max_length: int


def trainer() -> Handler:
    """The handler of a trainer process; imports trl and peft before the first call, once."""
    import peft  # noqa: F401 - imported here so that no cell pays for it
    import trl  # noqa: F401

    from suite.training.finetune import finetune

    def handle(job: TrainingJob, progress: Progress) -> None:
        finetune(job, progress)

    return handle
