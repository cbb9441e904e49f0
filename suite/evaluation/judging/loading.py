"""A track's or suite's judged tasks with their items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.errors import EvaluationError, UnknownNameError
from suite.evaluation.formats import subsample
from suite.evaluation.judging.judge import Dtype, JudgeModel, judges_dtype, judges_engine
from suite.evaluation.judging.length_control import load_calibration
from suite.evaluation.judging.questions import READERS
from suite.evaluation.judging.tasks import GradedJudge, JudgedTask, PairwiseJudge
from suite.reporting import Notify, say_nothing
from suite.sources import fetch

if TYPE_CHECKING:
    from suite.engines import EngineName
    from suite.evaluation.protocol import Item
    from suite.track import TaskSpec

CALIBRATED = "gpt4_1106_preview"
"""The baseline for which difficulties of AlpacaEval's instructions are published."""


def load_questions(spec: TaskSpec, *, notify: Notify = say_nothing) -> tuple[Item, ...]:
    """Every question of a judged task, in file order."""
    assert spec.data is not None
    if spec.format not in READERS:
        raise UnknownNameError(f"format of judged questions (task {spec.name})", spec.format, READERS)
    other = spec.baseline_data or spec.references
    path = fetch(spec.data, notify=notify)
    return tuple(READERS[spec.format](path, fetch(other, notify=notify) if other else None))


def judge_of(
    spec: TaskSpec, engine: EngineName = "auto", dtype: Dtype = "float32", rows: int | None = None
) -> JudgeModel:
    """A task's judge, run as goes with the `engine`, `dtype` and (where stated) `rows` of the models that answer."""
    return JudgeModel(spec.judge, spec.judge_revision, judges_engine(engine), judges_dtype(dtype), rows)


def load_judged_task(
    spec: TaskSpec,
    *,
    engine: EngineName = "auto",
    dtype: Dtype = "float32",
    rows: int | None = None,
    notify: Notify = say_nothing,
) -> JudgedTask:
    """A judged task; `engine`, `dtype` and `rows` at a time (None: not stated) are those of the models that answer.

    Raises EvaluationError for a judge that is not pinned, StorageError for a file that cannot be had.
    """
    judge = judge_of(spec, engine, dtype, rows)
    judge.check(spec.name)
    questions = load_questions(spec, notify=notify)
    if spec.limit is not None and spec.limit > len(questions):
        raise EvaluationError(f"Task {spec.name} asks for {spec.limit} items where there are {len(questions)}.")
    items = subsample(questions, spec.limit, spec.name)
    if spec.kind == "graded-judge":
        return GradedJudge(
            name=spec.name, items=items, chance=spec.chance, max_new_tokens=spec.max_new_tokens, judge=judge
        )
    calibrated = spec.format == "alpaca-eval" and spec.baseline == CALIBRATED
    calibration = load_calibration([item.id for item in items], notify) if calibrated else None
    return PairwiseJudge(
        name=spec.name,
        items=items,
        chance=spec.chance,
        max_new_tokens=spec.max_new_tokens,
        judge=judge,
        both_orders=spec.both_orders,
        calibration=calibration,
    )
