"""Evaluation files as their authors publish them, in the shape their data sets have on the Hub.

The harness's tasks then read either with the same prompts. What a file lacks (ARC's training questions, HellaSwag's
unprocessed text) is said where it is missing.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.errors import EvaluationError
from suite.evaluation.formats import decoded, json_lines, text_of

Document = dict[str, Any]
LETTERS = "ABCDEFGH"
LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")


@dataclass(frozen=True)
class LocalSet:
    """How a data set of the Hub lies under BREADTH_DATA/evals: its splits from a folder and a configuration's name."""

    folder: str
    read: Callable[[Path, str], Mapping[str, list[Document]]]


def _mmlu(folder: Path, subject: str) -> Mapping[str, list[Document]]:
    path = folder / "mmlu.zip"
    splits = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for split, short in (("dev", "dev"), ("validation", "val"), ("test", "test")):
                text = archive.read(f"data/{short}/{subject}_{short}.csv").decode("utf-8")
                rows = csv.reader(io.StringIO(text, newline=""))
                splits[split] = [_mmlu_row(row, f"{path}, {subject}, {split} row {at}") for at, row in enumerate(rows)]
    except (OSError, KeyError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: {subject} cannot be read from it ({error}); fetch it again.") from error
    return splits


def _mmlu_row(row: list[str], place: str) -> Document:
    if len(row) != 6 or row[5] not in ("A", "B", "C", "D"):
        raise EvaluationError(f"{place}: a question, four choices and a letter are wanted.")
    return {"question": row[0], "choices": row[1:5], "answer": LETTERS.index(row[5])}


def _gsm8k(folder: Path, _: str) -> Mapping[str, list[Document]]:
    return {
        split: [
            {"question": text_of(record, "question", place), "answer": text_of(record, "answer", place)}
            for place, record in json_lines(_plain_or_packed(folder / f"{split}.jsonl"))
        ]
        for split in ("train", "test")
    }


def _bbh(folder: Path, task: str) -> Mapping[str, list[Document]]:
    path = folder / f"{task}.json"
    examples = _json(path).get("examples")
    if not isinstance(examples, list):
        raise EvaluationError(f"{path}: a list of 'examples' is wanted.")
    # The targets of a few tasks are numbers or truth values written as text; they stay as they are.
    return {"test": [{"input": example["input"], "target": example["target"]} for example in examples]}


def _arc(folder: Path, name: str) -> Mapping[str, list[Document]]:
    path = _plain_or_packed(folder / f"{name.lower().replace('-', '_')}.jsonl")
    documents = []
    for place, record in json_lines(path):
        choices, gold = record.get("choices"), record.get("gold")
        if not isinstance(choices, list) or not isinstance(gold, int) or not 0 <= gold < len(choices) <= len(LETTERS):
            raise EvaluationError(f"{place}: 'choices' and the position of the right one in 'gold' are wanted.")
        labels = list(LETTERS[: len(choices)])
        documents.append(
            {
                "question": text_of(record, "query", place).removeprefix("Question: "),
                "choices": {"text": choices, "label": labels},
                "answerKey": labels[gold],
            }
        )
    return {"test": documents}


def _hellaswag(folder: Path, _: str) -> Mapping[str, list[Document]]:
    path = folder / "hellaswag_val_full.txt.bz2"
    lines = decoded(path).splitlines()
    if len(lines) % 6:
        raise EvaluationError(f"{path}: six lines a question are wanted, and {len(lines)} lines are there.")
    documents = []
    for at in range(0, len(lines), 6):
        activity, colon, context = lines[at].partition(": ")
        if not colon or lines[at + 1] not in ("0", "1", "2", "3"):
            raise EvaluationError(f"{path}, line {at + 1}: 'activity: context' and a position below it are wanted.")
        documents.append(
            {
                "activity_label": activity,
                "ctx_a": context,
                "ctx_b": "",
                "endings": lines[at + 2 : at + 6],
                "label": lines[at + 1],
            }
        )
    return {"validation": documents}


def _truthfulqa(folder: Path, name: str) -> Mapping[str, list[Document]]:
    path = folder / "TruthfulQA.csv"
    documents = []
    for row in csv.DictReader(io.StringIO(decoded(path), newline="")):
        right, wrong = _several(row["Correct Answers"]), _several(row["Incorrect Answers"])
        if name == "generation":
            documents.append({"question": row["Question"], "correct_answers": right, "incorrect_answers": wrong})
            continue
        best = row["Best Answer"].strip()
        documents.append(
            {
                "question": row["Question"],
                "mc1_targets": {"choices": [best, *wrong], "labels": [1] + [0] * len(wrong)},
                "mc2_targets": {"choices": [*right, *wrong], "labels": [1] * len(right) + [0] * len(wrong)},
            }
        )
    return {"validation": documents}


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _ifeval(folder: Path, _: str) -> Mapping[str, list[Document]]:
    return {"train": [record for _, record in json_lines(_plain_or_packed(folder / "input_data.jsonl"))]}


def _tydiqa(folder: Path, _: str) -> Mapping[str, list[Document]]:
    documents = []
    for language in LANGUAGES:
        path = _plain_or_packed(folder / f"{language}_dev.json")
        for article in _json(path)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    answers = question["answers"]
                    documents.append(
                        {
                            "id": question["id"],
                            "title": article.get("title", ""),
                            "context": paragraph["context"],
                            "question": question["question"],
                            "answers": {
                                "text": [answer["text"] for answer in answers],
                                "answer_start": [answer["answer_start"] for answer in answers],
                            },
                        }
                    )
    return {"validation": documents}


LOCAL_SETS: Mapping[str, LocalSet] = {
    "Rowan/hellaswag": LocalSet("hellaswag", _hellaswag),
    "SaylorTwift/bbh": LocalSet("bbh", _bbh),
    "allenai/ai2_arc": LocalSet("icl_multiple_choice", _arc),
    "cais/mmlu": LocalSet("mmlu", _mmlu),
    "google-research-datasets/tydiqa": LocalSet("tydiqa_goldp", _tydiqa),
    "google/IFEval": LocalSet("ifeval", _ifeval),
    "openai/gsm8k": LocalSet("gsm8k", _gsm8k),
    "truthfulqa/truthful_qa": LocalSet("truthfulqa", _truthfulqa),
}


def _plain_or_packed(path: Path) -> Path:
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


def _json(path: Path) -> Any:
    try:
        return json.loads(decoded(path))
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {error.lineno}: broken JSON ({error.msg}); fetch it again.") from error
