"""Readers of evaluation files: from the bytes their authors publish to items, one reader a layout.

A line of GSM8K is `{"question": ..., "answer": ...}`, one of the MosaicML gauntlet `{"query": ..., "choices": [...],
"gold": 2}`. A file that differs from its layout is one EvaluationError that names file and place.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.errors import EvaluationError, UnknownNameError
from suite.evaluation.protocol import Item, Problem

Reader = Callable[[Path], Iterator[Item]]
UNPACK: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress}


def read_items(path: Path, layout: str) -> tuple[Item, ...]:
    """Every item of a file in file order; ids are unique within it.

    `layout` is a name in READERS. Raises EvaluationError naming file and line (or entry) of what is wrong.
    """
    if layout not in READERS:
        raise UnknownNameError("evaluation format", layout, READERS)
    items = tuple(READERS[layout](path))
    if not items:
        raise EvaluationError(f"{path} holds no items; fetch it again.")
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise EvaluationError(f"{path}: id {item.id!r} stands twice; ids of items must be unique.")
        seen.add(item.id)
    return items


def subsample(items: Sequence[Item], limit: int | None, salt: str) -> tuple[Item, ...]:
    """The `limit` items (all when None) whose sha256 of `salt/id` comes first, in that order.

    The order does not hang on the file's, a smaller limit takes a subset of a larger one's items, and two tasks
    (salts) over the same questions draw different ones.
    """
    if limit is None:
        return tuple(items)
    return tuple(sorted(items, key=lambda item: hashlib.sha256(f"{salt}/{item.id}".encode()).hexdigest())[:limit])


def _self_instruct(path: Path) -> Iterator[Item]:
    """User-oriented tasks of Self-Instruct: an instruction with instances of input and output."""
    for place, record in json_lines(path):
        name, instruction = text_of(record, "id", place), text_of(record, "instruction", place)
        instances = record.get("instances")
        if not isinstance(instances, list) or not instances:
            raise EvaluationError(f"{place}: 'instances' must be a list of at least one input and output.")
        for number, instance in enumerate(instances):
            where = f"{place}, instance {number}"
            reference = text_of(instance, "output", where)
            yield Item(f"{name}/{number}", instruction, text_of(instance, "input", where, empty=True), reference)


def _alpaca_eval(path: Path) -> Iterator[Item]:
    """Model outputs in the layout of AlpacaEval: the answers of a strong model serve as references.

    An entry the model left without an answer (text-davinci-003 has two) is no item: there is nothing to score.
    """
    for number, (place, record) in enumerate(json_array(path)):
        if answer := text_of(record, "output", place, empty=True):
            yield Item(str(number), text_of(record, "instruction", place), "", answer)


def _gsm8k(path: Path) -> Iterator[Item]:
    """Grade-school mathematics; the calculator's marks `<<2+2=4>>` are taken out of the worked answer."""
    for number, (place, record) in enumerate(json_lines(path)):
        answer = re.sub(r"<<[^>]*>>", "", text_of(record, "answer", place))
        yield Item(str(number), text_of(record, "question", place), "", answer)


def _truthfulqa(path: Path) -> Iterator[Item]:
    """TruthfulQA's table; the reference is the column 'Best Answer'."""
    reader = csv.DictReader(io.StringIO(decoded(path), newline=""), strict=True)
    try:
        for number, record in enumerate(reader):
            place = f"{path}, line {reader.line_num}"
            yield Item(str(number), text_of(record, "Question", place), "", text_of(record, "Best Answer", place))
    except csv.Error as error:
        raise EvaluationError(
            f"{path}, line {reader.reader.line_num}: broken csv ({error}); fetch it again."
        ) from error


def _gauntlet(path: Path) -> Iterator[Item]:
    """Multiple choice in the layout of the MosaicML gauntlet; the reference is the right choice's text.

    A question with two equal choices (ARC has a few) is no item: its right answer could not be told from a wrong one.
    """
    for number, (place, record) in enumerate(json_lines(path)):
        choices, gold = record.get("choices"), record.get("gold")
        if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(text, str) for text in choices):
            raise EvaluationError(f"{place}: 'choices' must be a list of at least two texts.")
        if not isinstance(gold, int) or isinstance(gold, bool) or not 0 <= gold < len(choices):
            raise EvaluationError(f"{place}: 'gold' must be a position in the {len(choices)} choices, not {gold!r}.")
        if len(set(choices)) < len(choices):
            continue
        # The gauntlet's own prompt words; a chat template has its own.
        question = text_of(record, "query", place).removeprefix("Question: ").strip()
        yield Item(str(number), question, "", choices[gold], tuple(choices))


def _humaneval(path: Path) -> Iterator[Item]:
    """HumanEval's functions to complete; white space counts in code, and is kept."""
    for place, record in json_lines(path):
        for key in ("task_id", "prompt", "canonical_solution", "entry_point", "test"):
            text_of(record, key, place)
        if not record["entry_point"].isidentifier():
            raise EvaluationError(
                f"{place}: 'entry_point' must be a function's name, not {record['entry_point']!r:.40}."
            )
        for key in ("prompt", "test"):
            try:
                compile(record[key], key, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                raise EvaluationError(f"{place}: {key!r} is no Python: {error}.") from error
        yield Problem(
            record["task_id"],
            record["prompt"],
            "",
            record["canonical_solution"],
            entry_point=record["entry_point"],
            test=record["test"],
        )


READERS: Mapping[str, Reader] = {
    "alpaca-eval": _alpaca_eval,
    "gauntlet": _gauntlet,
    "gsm8k": _gsm8k,
    "humaneval": _humaneval,
    "self-instruct": _self_instruct,
    "truthfulqa": _truthfulqa,
}


def decoded(path: Path) -> str:
    """The text of a file, unpacked where its name ends in .gz or .bz2. EvaluationError names what is wrong with it."""
    content = path.read_bytes()
    try:
        if path.suffix in UNPACK:
            content = UNPACK[path.suffix](content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise EvaluationError(f"{path}, line {line}: not UTF-8; fetch it again.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(f"{path} is no whole {path.suffix} file ({error}); fetch it again.") from error


def json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, object) of every line that is not empty; the place is for error messages."""
    # Not splitlines: JSON texts may hold other line separators (U+2028) unescaped.
    for number, line in enumerate(decoded(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            yield place, _object(json.loads(line), place)
        except json.JSONDecodeError as error:
            raise EvaluationError(f"{place}: broken JSON ({error.msg}); fetch it again.") from error


def json_array(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, object) of every entry of a file that is one JSON array."""
    try:
        records = json.loads(decoded(path))
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {error.lineno}: broken JSON ({error.msg}); fetch it again.") from error
    if not isinstance(records, list):
        raise EvaluationError(f"{path}, line 1: a JSON array of entries is wanted.")
    for number, record in enumerate(records):
        place = f"{path}, entry {number}"
        yield place, _object(record, place)


def _object(record: Any, place: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise EvaluationError(f"{place}: a JSON object is wanted.")
    return record


def text_of(record: Any, key: str, place: str, *, empty: bool = False) -> str:
    """The stripped text at `key`; EvaluationError where there is none, or (unless `empty`) nothing in it."""
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, str):
        raise EvaluationError(f"{place}: {key!r} must be a text, not {value!r:.40}.")
    if not value.strip() and not empty:
        raise EvaluationError(f"{place}: {key!r} is empty.")
    return value.strip()
