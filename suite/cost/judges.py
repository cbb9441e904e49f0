"""Whether judges fit: each has the GPUs to itself, since it starts when the engine that answered has ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.cost.shapes import Shape, ShapeUnknown, shape_of, shape_of_named
from suite.cost.splitting import least_split, split_of
from suite.cost.weights import weight_bytes
from suite.engines.vllm.engine import VllmSettings

if TYPE_CHECKING:
    from suite.track import TaskSpec, Track


def room_for_a_judge(have: float) -> float:
    """Bytes of GPUs that together have `have` which an engine takes at most."""
    return have * VllmSettings.memory_share


@dataclass(frozen=True)
class TooLarge:
    """A task whose judge does not fit: bytes of its bfloat16 weights, room there is for them, GPUs that hold them."""

    task: TaskSpec
    weights: float
    room: float
    needed: int


def judges_too_large(track: Track, memory: float, gpus: int) -> Iterator[TooLarge]:
    """Judges that `gpus` GPUs with `memory` bytes each do not hold; unknown models are left out."""
    for task in track.evaluation.tasks:
        if not task.judge:
            continue
        weights = weight_bytes(task.judge, task.judge_revision, 2)
        room = room_for_a_judge(memory * split_of(task.judge, task.judge_revision, gpus))
        if weights is not None and weights > room:
            least = math.ceil(weights / room_for_a_judge(memory))
            yield TooLarge(task, weights, room, least_split(least, *_shapes(track, task)))


def _shapes(track: Track, task: TaskSpec) -> Iterator[Shape]:
    """Those of a judge and of the models that share its GPUs, as far as they are known."""
    for base in track.base_models:
        try:
            yield shape_of(base)
        except ShapeUnknown:
            continue
    try:
        yield shape_of_named(task.judge, task.judge_revision)
    except ShapeUnknown:
        return
