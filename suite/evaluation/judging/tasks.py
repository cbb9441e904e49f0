"""Judged tasks: what share of answers is preferred to a baseline's, and what grade answers of two turns get.

A verdict that cannot be read counts as a tie, or as the middle grade, so that it favours nobody; more than a tenth of
them is an error. How many there were is in the outcome's summary.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.evaluation.judged_later import JudgedLater
from suite.evaluation.judging.answers import Answerer
from suite.evaluation.judging.judge import Judge, JudgeModel
from suite.evaluation.judging.length_control import Calibration, length_controlled
from suite.evaluation.judging.pairs import Compared, compare
from suite.evaluation.judging.prompts import PROMPTS, grade_case, judge_prompts
from suite.evaluation.judging.verdicts import check_readable, read_grade
from suite.evaluation.plan import SHOWN
from suite.evaluation.protocol import AskedModel, TaskOutcome, Unit
from suite.hashing import content_key
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.engines.protocol import Engine

MIDDLE_GRADE = 5.5


@dataclass(frozen=True)
class Answered:
    """A judged task's answers (of the second turn too, where it has one), and what it took to give them."""

    task: JudgedTask
    turns: tuple[list[str], ...]
    first_prompt_ids: tuple[int, ...]
    tokens: int
    truncated: int

    @property
    def judge(self) -> JudgeModel:
        """Who judges them."""
        return self.task.judge

    def judged(self, opened: Judge, progress: Progress) -> TaskOutcome:
        """The outcome, by that judge. Raises EvaluationError for one that writes no verdicts (`check_readable`)."""
        values, summary, samples = self.task._judged(opened, self.turns, progress)
        return TaskOutcome(
            values=values.astype(np.float32),
            first_prompt_ids=self.first_prompt_ids,
            tokens=self.tokens,
            samples=samples,
            truncated=self.truncated,
            summary=summary | {"judge": f"{self.judge.name} at {self.judge.revision}"},
        )


@dataclass(frozen=True, kw_only=True)
class JudgedTask(JudgedLater):
    """A task whose values a judge gives; they hang on the judge, so it is part of the items' identity."""

    judge: JudgeModel

    unit: ClassVar[Unit] = "accuracy"

    @property
    def items_sha256(self) -> str:
        """Identity of the items, of the judge and of its prompts."""
        items = [[item.id, item.instruction, item.input, item.reference, list(item.choices)] for item in self.items]
        return content_key([self.kind, self.max_new_tokens, self.judge.key, PROMPTS.sha256, self._rules(), items])

    def answer_together(
        self, engine: Engine, models: Sequence[AskedModel], progress: Progress = no_progress
    ) -> list[Answered]:
        """Each model's greedy answers to all items, those of one turn asked in one go."""
        judge_prompts()
        answerer = Answerer(engine, models, self.max_new_tokens)
        turns = self._turns(answerer, progress)
        return [
            Answered(
                self,
                tuple(turn[place] for turn in turns),
                answerer.first_prompt_ids[place],
                answerer.tokens[place],
                answerer.truncated[place],
            )
            for place in range(len(models))
        ]

    def _turns(self, answerer: Answerer, progress: Progress) -> tuple[list[list[str]], ...]:
        """Answers, turn by turn, of each model."""
        return (answerer.answer(self.items, progress),)

    @abstractmethod
    def _rules(self) -> list[Any]:
        """What else the values hang on."""

    @abstractmethod
    def _judged(
        self, judge: Judge, turns: tuple[list[str], ...], progress: Progress
    ) -> tuple[np.ndarray, dict[str, float | int | str], tuple[dict[str, str], ...]]:
        """Values, summary and samples."""


@dataclass(frozen=True, kw_only=True)
class PairwiseJudge(JudgedTask):
    """How often the model's answer is preferred to the baseline's: 1 preferred, 0.5 a tie, 0 not (higher is better).

    With `both_orders` each pair is judged twice, the model's answer first and last, and the value is the mean: what a
    judge gives to a place cancels out. The summary has the win rate with its 95 % interval over items, how often both
    orders agreed and, where lengths differ, the length-controlled win rate (`length_control`).
    """

    kind: ClassVar[str] = "pairwise-judge"

    both_orders: bool = True
    calibration: Calibration | None = None

    def _rules(self) -> list[Any]:
        return [self.both_orders]

    def _judged(
        self, judge: Judge, turns: tuple[list[str], ...], progress: Progress
    ) -> tuple[np.ndarray, dict[str, float | int | str], tuple[dict[str, str], ...]]:
        (answers,) = turns
        compared = compare(judge, self.name, self.items, answers, both_orders=self.both_orders, progress=progress)
        check_readable(compared.unreadable, compared.asked, self.name, self.judge.name)
        return compared.values, self._summary(compared, answers), self._samples(compared, answers)

    def _summary(self, compared: Compared, answers: Sequence[str]) -> dict[str, float | int | str]:
        summary = compared.summary()
        lengths = np.array([len(item.reference) - len(text) for item, text in zip(self.items, answers, strict=True)])
        controlled = length_controlled(compared.values, lengths, calibration=self.calibration)
        if controlled is not None:
            summary |= {"length-controlled win rate": controlled.win_rate, "length control": controlled.method}
            if np.isfinite(controlled.standard_error):
                summary["its standard error"] = controlled.standard_error
        return summary

    def _samples(self, compared: Compared, answers: Sequence[str]) -> tuple[dict[str, str], ...]:
        return tuple(
            {
                "id": item.id,
                "instruction": item.instruction,
                "answer": text,
                "baseline": item.reference,
                "value": f"{value:g}",
            }
            for item, text, value in zip(self.items[:SHOWN], answers, compared.values, strict=False)
        )


@dataclass(frozen=True, kw_only=True)
class GradedJudge(JudgedTask):
    """The mean grade of both turns, on a scale from 0 (grade 1) to 1 (grade 10); higher is better.

    The summary has the grades of the first turn and of the second as the judge gave them. Answers are greedy, where
    MT-Bench's authors sample in some categories.
    """

    kind: ClassVar[str] = "graded-judge"

    def _rules(self) -> list[Any]:
        return []

    def _turns(self, answerer: Answerer, progress: Progress) -> tuple[list[list[str]], ...]:
        first = answerer.answer(self.items, progress)
        return first, answerer.follow_up(self.items, first, progress)

    def _judged(
        self, judge: Judge, turns: tuple[list[str], ...], progress: Progress
    ) -> tuple[np.ndarray, dict[str, float | int | str], tuple[dict[str, str], ...]]:
        first, second = turns
        cases = [grade_case(self.name, item, (text,)) for item, text in zip(self.items, first, strict=True)]
        both = zip(first, second, strict=True)
        cases += [grade_case(self.name, item, pair) for item, pair in zip(self.items, both, strict=True)]
        written = judge.verdicts(cases, progress)
        grades = [read_grade(text) for text in written]
        unreadable = [text for text, grade in zip(written, grades, strict=True) if grade is None]
        check_readable(unreadable, len(cases), self.name, self.judge.name)
        graded = np.array([MIDDLE_GRADE if grade is None else grade for grade in grades]).reshape(2, len(self.items))
        summary: dict[str, float | int | str] = {
            "grade": float(graded.mean()),
            "first turn": float(graded[0].mean()),
            "second turn": float(graded[1].mean()),
            "unreadable verdicts": len(unreadable),
        }
        samples = tuple(
            {
                "id": item.id,
                "instruction": item.instruction,
                "answer": text,
                "second answer": other,
                "grades": f"{one:g}, {two:g}",
            }
            for item, text, other, one, two in zip(self.items[:SHOWN], first, second, *graded, strict=False)
        )
        return (graded.mean(axis=0) - 1) / 9, summary, samples
