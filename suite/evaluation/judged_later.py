"""Tasks with two models: one answers, and when all is answered another, often far larger, judges.

Both may need the same GPU. So an engine answers everything that is to be judged, gives its memory back, and only then
each judge is started, once for all answers that wait for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from suite.errors import BreadthError
from suite.evaluation.protocol import AskedModel, Task, TaskOutcome
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.engines.protocol import Engine

Key = TypeVar("Key", bound=Hashable)


class JudgeAsked(Protocol):
    """Which judge is asked; equal ones are one judge."""

    def __hash__(self) -> int: ...

    def open(self) -> AbstractContextManager[Any]:
        """The judge, which holds memory from its first question until it is left."""


class Waiting(Protocol):
    """Answers that wait for their judge."""

    @property
    def judge(self) -> JudgeAsked:
        """Who judges them."""

    def judged(self, opened: Any, progress: Progress) -> TaskOutcome:
        """The outcome, by that judge. Raises BreadthError for a judge that cannot judge."""


@dataclass(frozen=True)
class JudgedLater(Task):
    """A task whose values another model gives."""

    @abstractmethod
    def answer_together(
        self, engine: Engine, models: Sequence[AskedModel], progress: Progress = no_progress
    ) -> Sequence[Waiting]:
        """The answers of each model, whose requests share batches; the judge is not asked yet."""

    def evaluate(self, engine: Engine, model: AskedModel, progress: Progress = no_progress) -> TaskOutcome:
        """Answer, give the engine's memory back, then judge. Raises as `Waiting.judged` does."""
        (waiting,) = self.answer_together(engine, (model,), progress)
        return whole(judge_all({self.name: waiting}, engine, progress))[self.name]


def judge_all(
    waiting: Mapping[Key, Waiting], engine: Engine, progress: Progress = no_progress
) -> dict[Key, TaskOutcome | BreadthError]:
    """Judge what `engine` has answered, which rests first: each judge is started at most once.

    An answer's error (its judge's, where that cannot be had) stands in the place of its outcome.
    """
    found: dict[Key, TaskOutcome | BreadthError] = {}
    if waiting:
        engine.rest()
    for judge in dict.fromkeys(one.judge for one in waiting.values()):
        own = {key: one for key, one in waiting.items() if one.judge == judge}
        try:
            with judge.open() as opened:
                for key, one in own.items():
                    try:
                        found[key] = one.judged(opened, progress)
                    except BreadthError as error:
                        found[key] = error
        except BreadthError as error:
            found |= dict.fromkeys(own, error)
    return found


def whole(found: Mapping[Key, TaskOutcome | BreadthError]) -> dict[Key, TaskOutcome]:
    """The outcomes; raises the first error among them."""
    outcomes = {}
    for key, one in found.items():
        if isinstance(one, BreadthError):
            raise one
        outcomes[key] = one
    return outcomes
