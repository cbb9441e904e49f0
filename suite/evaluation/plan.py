"""Tasks that an engine answers: they first say what to ask, then make values of the answers.

Asking and scoring apart lets several tasks share one pass over the engine, whose batches are then fuller.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.engines.protocol import GenerationRequest, Likelihood, LikelihoodRequest
from suite.errors import EvaluationError
from suite.evaluation.protocol import AskedModel, Task, TaskOutcome
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.engines.protocol import Engine

SHOWN = 5
"""How many items a task keeps as readable samples."""


@dataclass(frozen=True)
class Plan:
    """What a task asks of an engine, and `finish`, which turns the answers (in order) into its outcome."""

    generations: tuple[GenerationRequest, ...]
    likelihoods: tuple[LikelihoodRequest, ...]
    finish: Callable[[Sequence[list[int]], Sequence[Likelihood]], TaskOutcome]


@dataclass(frozen=True)
class PlannedTask(Task):
    """A task made of engine requests."""

    @abstractmethod
    def plan(self, model: AskedModel) -> Plan:
        """The requests of this task. Raises EvaluationError when it has no item or one that cannot be asked."""

    def evaluate(self, engine: Engine, model: AskedModel, progress: Progress = no_progress) -> TaskOutcome:
        """Run the task alone, each kind of request in one call of the engine; `progress` is told nothing."""
        plan = self.plan(model)
        return plan.finish(engine.generate(plan.generations), engine.log_likelihoods(plan.likelihoods))

    def check_items(self) -> None:
        """Raise EvaluationError when there is nothing to evaluate."""
        if not self.items:
            raise EvaluationError(f"Task {self.name} has no items: check its data file and limit.")


def fit_prompt(ids: Sequence[int], room: int, beginning: int | None) -> tuple[int, ...]:
    """A prompt cut from the left to `room` tokens, its beginning-of-sequence token kept.

    The end of a prompt is what asks for the response, so it is the start that goes.
    """
    if len(ids) <= room:
        return tuple(ids)
    if beginning is not None and ids[0] == beginning:
        return (beginning, *ids[len(ids) - room + 1 :]) if room > 1 else (beginning,)
    return tuple(ids[len(ids) - max(room, 1) :])
