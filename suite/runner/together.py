"""Evaluating many fine-tunes in one engine start: all are trained first, then evaluated in groups that share batches.

An engine that takes a minute to start, and a GPU's memory while it runs, is started once a group (once a base model and
lane, where no judge wants the GPU between groups). What the groups leave in the cache is then recorded cell by cell as
ever, under the cells' own locks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import UsageError
from suite.runner.executors import LocalLanes

if TYPE_CHECKING:
    from suite.engines import EngineFacts
    from suite.runner.executors import Executor
    from suite.runner.schedule import Unit
    from suite.track import Track
    from suite.training.job import TrainedModel

LARGEST_GROUP = 32
"""Scores are kept when a group is done: an interruption loses at most as many evaluations, and no training."""


@dataclass(frozen=True)
class Group:
    """Units of one base model that are evaluated together, each with its fine-tune; scheduled like a unit."""

    members: tuple[tuple[Unit, TrainedModel | None], ...]

    @property
    def key(self) -> str:
        """Names its lock."""
        return hashlib.sha256("".join(unit.key for unit, _ in self.members).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{len(self.members)} models of {self.members[0][0].base.name} together"


def wants_company(track: Track, engine: EngineFacts) -> bool:
    """Whether fine-tunes of a track are evaluated in groups: adapters, on the engine that is slow to start."""
    return engine.name == "vllm" and track.recipe.method == "lora"


def grouped(trained: Sequence[tuple[Unit, TrainedModel | None]], lanes: int) -> list[Group]:
    """Groups of one base model each, as even as can be: at most LARGEST_GROUP members, and work for every lane."""
    by_base: dict[str, list[tuple[Unit, TrainedModel | None]]] = {}
    for unit, model in trained:
        by_base.setdefault(unit.base.name, []).append((unit, model))
    groups = []
    for members in by_base.values():
        parts = min(len(members), max(lanes, -(-len(members) // LARGEST_GROUP)))
        groups += [Group(tuple(members[part::parts])) for part in range(parts)]
    return groups


def check_engine(engine: EngineFacts, executor: Executor) -> None:
    """Raise before anything is trained: EngineError where the engine cannot run here, UsageError for too many lanes."""
    if engine.name != "vllm" or not isinstance(executor, LocalLanes):
        return  # on a cluster every lane has GPUs of its own, and each node is asked for its vLLM when it arrives
    from suite.engines.vllm.finding import find_vllm

    installation = find_vllm()
    installation.check_device()
    cards, jobs = len(executor.groups), executor.lanes()
    if not installation.for_cpus and jobs > cards:
        raise UsageError(
            f"With the vllm engine each lane needs a GPU of its own: --jobs is {jobs}, and {cards} are visible here."
        )
