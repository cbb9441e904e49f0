"""What a task is: items in, one value an item out.

An item's value is 1.0 or 0.0 for `exact-match` and `multiple-choice` (higher is better), and bits per byte of the
reference response for `likelihood` (lower is better). For `code` it is a chance of passing, and it lies between 0.0 and
1.0 (higher is better) for `harness` and judged tasks too. Per-item values are stored with every result, because pairing
items across strategies halves the difference that can be detected.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from suite.hashing import content_key
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.templates import Template

Unit = Literal["accuracy", "bits-per-byte"]


@dataclass(frozen=True)
class Item:
    """One question: an instruction with its input, the reference response, and choices for multiple choice."""

    id: str
    instruction: str
    input: str = ""
    reference: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem(Item):
    """A function to complete: `instruction` is its beginning as code, `reference` a solution's rest.

    `test` is code that defines `check(candidate)`, which raises where the function `entry_point` is wrong. What stands
    here is kept as it is, white space and all.
    """

    entry_point: str = ""
    test: str = ""


@dataclass(frozen=True)
class AskedModel:
    """A model as tasks ask it: its tokenizer and template, and which adapter on the engine's base it is (None: bare).

    `max_length` tokens hold prompt and answer together.
    """

    tokenizer: Any
    template: Template
    max_length: int
    adapter: str | None = None


@dataclass(frozen=True)
class TaskOutcome:
    """Per-item values (float32, shape (items,)), with what is needed to look at them later.

    `first_prompt_ids` is the first prompt exactly as the model saw it; `tokens` counts what was scored or generated;
    `truncated` counts items whose prompt or reference was cut to the maximum length. `summary` holds what a task says
    beyond its items' values, such as a length-controlled win rate or how many verdicts could not be read.
    """

    values: np.ndarray
    first_prompt_ids: tuple[int, ...]
    tokens: int
    samples: tuple[dict[str, str], ...] = ()
    truncated: int = 0
    summary: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task(ABC):
    """One evaluation with its items loaded."""

    name: str
    items: tuple[Item, ...]
    chance: float
    max_new_tokens: int = 32

    kind: ClassVar[str]
    unit: ClassVar[Unit]

    @property
    def items_sha256(self) -> str:
        """Identity of the items, in order: per-item values pair only where this agrees."""
        items = [[item.id, item.instruction, item.input, item.reference, list(item.choices)] for item in self.items]
        return content_key([self.kind, self.max_new_tokens, items])

    def check_machine(self) -> None:
        """Raise EvaluationError where this machine lacks what the task needs; asked before anything is trained."""
        return

    @abstractmethod
    def evaluate(self, engine: Engine, model: AskedModel, progress: Progress = no_progress) -> TaskOutcome:
        """Run the task on one model; `progress` gets (requests done, requests in all)."""

    def evaluate_together(
        self, engine: Engine, models: Sequence[AskedModel], progress: Progress = no_progress
    ) -> list[TaskOutcome]:
        """Run it on several models of one engine: one after the other, unless the task can have them share batches."""
        return [self.evaluate(engine, model, progress) for model in models]


def describe(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Name, kind, size and item hash of each task: the part of an evaluation's key that tasks contribute."""
    return [
        {"name": task.name, "kind": task.kind, "items": len(task.items), "sha256": task.items_sha256} for task in tasks
    ]
