"""What a judge is told and shown: the prompts of MT-Bench's authors, read from their pinned file.

Zheng et al., Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena, NeurIPS 2023: `pair-v2` for two answers (with a
verdict for a tie), `single-v1` for a grade, and their forms with a reference and for a second turn. Arena-Hard and
AlpacaEval have prompts of their own for their own judges; here one prompt serves all pairs, so that win rates of the
suites mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from suite.errors import EvaluationError
from suite.evaluation.formats import json_lines, text_of
from suite.evaluation.judging.judge import Case
from suite.reporting import say_nothing
from suite.sources import fetch
from suite.track import Source

if TYPE_CHECKING:
    from suite.evaluation.protocol import Item

PROMPTS = Source(
    local="evals/mt_bench/judge_prompts.jsonl",
    url="https://raw.githubusercontent.com/lm-sys/FastChat/0e6d3e4beaab66f4d3f93db72541a4abab8af28d/fastchat/llm_judge/data/judge_prompts.jsonl",
    sha256="fd283293406d024f44c174b094ef48031d0687a4682fd3a56b29b138f80281b6",
)


@dataclass(frozen=True)
class Prompt:
    """One prompt: what the judge is told, and the text around what it is shown."""

    system: str
    user: str


@lru_cache(maxsize=4)
def _read(path: str) -> Mapping[str, Prompt]:
    from pathlib import Path

    return {
        text_of(record, "name", place): Prompt(
            text_of(record, "system_prompt", place), text_of(record, "prompt_template", place)
        )
        for place, record in json_lines(Path(path))
    }


def judge_prompts() -> Mapping[str, Prompt]:
    """The prompts by name; StorageError where their file cannot be had."""
    return _read(str(fetch(PROMPTS, notify=say_nothing)))


def pair_case(task: str, item: str, question: str, first: str, second: str) -> Case:
    """Two answers to one question, in this order."""
    prompt = judge_prompts()["pair-v2"]
    shown = _filled(prompt.user, {"question": question, "answer_a": first, "answer_b": second})
    return Case(task, item, prompt.system, shown)


def grade_case(task: str, item: Item, answers: tuple[str, ...]) -> Case:
    """The answers to a conversation so far, of which the last is graded.

    An item's `instruction` and `input` are its first and second turn, its `choices` the references of both, if any.
    """
    name = f"single-{'math-' if item.choices else ''}v1{'-multi-turn' if len(answers) == 2 else ''}"
    prompt = judge_prompts()[name]
    texts = {"question": item.instruction, "question_1": item.instruction, "question_2": item.input}
    texts |= {"answer": answers[0]} | {f"answer_{at}": answer for at, answer in enumerate(answers, 1)}
    texts |= {f"ref_answer_{at}": reference for at, reference in enumerate(item.choices, 1)}
    return Case(task, f"{item.id}/{len(answers)}", prompt.system, _filled(prompt.user, texts))


def _filled(form: str, texts: Mapping[str, str]) -> str:
    try:
        return form.format_map(texts)
    except (KeyError, ValueError) as error:
        raise EvaluationError(f"The judge's prompt wants {error}, which this item does not have.") from error
