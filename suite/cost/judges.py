"""Whether judges fit: each has the GPUs to itself, since it starts when the engine that answered has ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from suite.cost.weights import weight_bytes
from suite.engines.vllm.engine import VllmSettings

if TYPE_CHECKING:
    from suite.track import TaskSpec, Track


def room_for_a_judge(have: float) -> float:
    """Bytes of GPUs that together have `have` which an engine takes at most."""
    return have * VllmSettings.memory_share


def judges_too_large(track: Track, have: float) -> Iterator[tuple[TaskSpec, float]]:
    """Tasks whose judge alone (its bfloat16 weights) is more than that, with its bytes; unknown models are left out."""
    for task in track.evaluation.tasks:
        if not task.judge:
            continue
        weights = weight_bytes(task.judge, task.judge_revision, 2)
        if weights is not None and weights > room_for_a_judge(have):
            yield task, weights
