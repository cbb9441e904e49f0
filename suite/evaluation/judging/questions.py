"""What is put to the models that are judged: questions with a baseline's answers, or of two turns with references.

An item's `instruction` is the (first) question. Of pairs, its `reference` is the baseline's answer; of MT-Bench, its
`input` is the second question and its `choices` are the references of both turns, where the suite has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.errors import EvaluationError
from suite.evaluation.formats import json_array, json_lines, text_of
from suite.evaluation.protocol import Item


def alpaca_eval(questions: Path, baseline: Path | None) -> Iterator[Item]:
    """AlpacaEval: outputs of the baseline with their instructions, from one file.

    A baseline that left a question without an answer (text-davinci-003 twice) is judged by that.
    """
    for number, (place, record) in enumerate(json_array(baseline or questions)):
        question = text_of(record, "instruction", place)
        yield Item(str(number), question, "", text_of(record, "output", place, empty=True))


def arena_hard(questions: Path, baseline: Path | None) -> Iterator[Item]:
    """Arena-Hard: questions in one file, the baseline's answers in another."""
    if baseline is None:
        raise EvaluationError(f"{questions}: Arena-Hard's baseline answers lie in a file of their own (baseline_data).")
    answers = {text_of(record, "uid", place): _answer(record, place) for place, record in json_lines(baseline)}
    for place, record in json_lines(questions):
        name = text_of(record, "uid", place)
        if name not in answers:
            raise EvaluationError(f"{place}: the baseline in {baseline} has no answer to {name!r}.")
        yield Item(name, text_of(record, "prompt", place), "", answers[name])


def mt_bench(questions: Path, references: Path | None) -> Iterator[Item]:
    """MT-Bench: two turns each, with GPT-4's answers as references in mathematics, reasoning and coding."""
    known: dict[Any, tuple[str, ...]] = {}
    if references is not None:
        for place, record in json_lines(references):
            known[record.get("question_id")] = _turns(_first(record.get("choices")), place)
    for place, record in json_lines(questions):
        name, turns = record.get("question_id"), _turns(record, place)
        yield Item(str(name), turns[0], turns[1], "", known.get(name, ()))


READERS = {"alpaca-eval": alpaca_eval, "arena-hard": arena_hard, "mt-bench": mt_bench}


def _turns(record: Any, place: str) -> tuple[str, str]:
    turns = record.get("turns") if isinstance(record, dict) else None
    if not isinstance(turns, list) or len(turns) != 2 or not all(isinstance(turn, str) for turn in turns):
        raise EvaluationError(f"{place}: 'turns' must be two texts.")
    return turns[0], turns[1]


def _first(choices: Any) -> Any:
    return choices[0] if isinstance(choices, list) and choices else None


def _answer(record: Any, place: str) -> str:
    for message in record.get("messages") or []:
        if isinstance(message, dict) and message.get("role") == "assistant":
            content = message.get("content")
            return text_of(content if isinstance(content, dict) else {"answer": content}, "answer", place, empty=True)
    raise EvaluationError(f"{place}: there is no assistant's message in 'messages'.")
