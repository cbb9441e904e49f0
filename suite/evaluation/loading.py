"""A track's tasks with their items: from the embedded world, or from pinned files of public data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.errors import EvaluationError
from suite.evaluation.code_execution import CodeExecution
from suite.evaluation.exact_match import ExactMatch
from suite.evaluation.formats import read_items, subsample
from suite.evaluation.likelihood import ResponseLikelihood
from suite.evaluation.multiple_choice import MultipleChoice
from suite.evaluation.protocol import Item, Problem, Task
from suite.evaluation.rows import rows_stated
from suite.reporting import Notify, say_nothing
from suite.sources import fetch

if TYPE_CHECKING:
    from typing import Literal

    from suite.engines import EngineName
    from suite.track import TaskSpec, Track

KINDS: dict[str, type[Task]] = {
    task.kind: task for task in (ExactMatch, ResponseLikelihood, MultipleChoice, CodeExecution)
}
NEEDS = {
    "harness": "lm-evaluation-harness",
    "pairwise-judge": "a judge model",
    "graded-judge": "a judge model",
}
"""What kinds of task need beyond the model that is evaluated."""
MICROWORLD = "microworld/"


def load_tasks(track: Track, *, engine: EngineName | None = None, notify: Notify = say_nothing) -> tuple[Task, ...]:
    """The tasks of a track in its order; `notify` is told which files are unpacked or downloaded.

    `engine` is what evaluates in place of the track's: judges go with it.

    A task with a `limit` has that many items, drawn by `suite.evaluation.formats.subsample` with its name as salt.
    Raises EvaluationError for a task that cannot be run here and for a file that breaks its layout, StorageError for
    a file that cannot be had. Deterministic.
    """
    return tuple(load_task(spec, track, engine=engine, notify=notify) for spec in track.evaluation.tasks)


def load_suite(
    spec: TaskSpec,
    *,
    engine: EngineName = "auto",
    dtype: Literal["float32", "bfloat16"] = "float32",
    rows: int | None = None,
    notify: Notify = say_nothing,
) -> Task:
    """A task that needs no track: one of the harness, or a judged one. Raises as `load_tasks` does.

    `engine`, `dtype` and `rows` at a time (None: not stated) are those of the models that answer: what runs a judge,
    and how, follows from them.
    """
    if spec.kind == "harness":
        from suite.evaluation.harness.task import load_harness_task

        return load_harness_task(spec)
    from suite.evaluation.judging.loading import load_judged_task

    return load_judged_task(spec, engine=engine, dtype=dtype, rows=rows, notify=notify)


def load_task(spec: TaskSpec, track: Track, *, engine: EngineName | None = None, notify: Notify = say_nothing) -> Task:
    """One task of a track; raises as `load_tasks` does."""
    if spec.kind in NEEDS:
        evaluation = track.evaluation
        return load_suite(
            spec,
            engine=engine or evaluation.engine,
            dtype=evaluation.dtype,
            rows=rows_stated(evaluation),
            notify=notify,
        )
    if spec.format.startswith(MICROWORLD):
        items = _microworld(spec, track)
    elif spec.data is None:
        raise EvaluationError(
            f"Task {spec.name} of track {track.name} names no data; add a [data] table with its file."
        )
    else:
        items = read_items(fetch(spec.data, notify=notify), spec.format)
    if spec.limit is not None and spec.limit > len(items):
        raise EvaluationError(
            f"Task {spec.name} of track {track.name} asks for {spec.limit} items where there are {len(items)}."
        )
    if spec.kind == "multiple-choice" and not all(item.choices for item in items):
        raise EvaluationError(f"Task {spec.name} of track {track.name}: format {spec.format!r} has no choices.")
    if spec.kind == "code" and not all(isinstance(item, Problem) for item in items):
        raise EvaluationError(f"Task {spec.name} of track {track.name}: format {spec.format!r} has no tests.")
    return KINDS[spec.kind](
        name=spec.name,
        items=subsample(items, spec.limit, spec.name),
        chance=spec.chance,
        max_new_tokens=spec.max_new_tokens,
        **(spec.code.model_dump() if spec.code else {}),
    )


def _microworld(spec: TaskSpec, track: Track) -> tuple[Item, ...]:
    from suite.microworld import world

    if track.pool.kind != "microworld":
        raise EvaluationError(
            f"Task {spec.name} reads the embedded world, which is not the pool of track {track.name}."
        )
    groups = world(track.pool.world_seed).tasks()
    group = spec.format.removeprefix(MICROWORLD)
    if group not in groups:
        raise EvaluationError(
            f"Task {spec.name}: the embedded world has no items {group!r}; it has {', '.join(groups)}."
        )
    return tuple(
        Item(f"{item.family}/{number}", item.instruction, item.input, item.output)
        for number, item in enumerate(groups[group])
    )
