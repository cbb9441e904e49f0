"""What a pool is checked against: the questions of a track's tasks, and every known evaluation set of a folder.

The layout of the folder is that of BREADTH_DATA/evals. Passages that belong to a question (BoolQ, TyDi QA) and answer
choices are not part of it, unless passages are asked for.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import EvaluationError, UsageError
from suite.evaluation.formats import READERS, decoded, json_array, json_lines, text_of
from suite.evaluation.loading import NEEDS, load_task
from suite.reporting import Notify
from suite.sources import fetch

if TYPE_CHECKING:
    from suite.track import TaskSpec, Track

ALL = "all"
LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")


@dataclass(frozen=True)
class Question:
    """What an item asks, and the passage it asks about where there is one; `id` is its place in its file."""

    id: str
    text: str
    passage: str = ""


@dataclass(frozen=True)
class Asked:
    """The questions of one task of the track, or of one known evaluation set."""

    name: str
    kind: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class NotChecked:
    """A task or set that could not be checked, and why."""

    name: str
    reason: str


Reader = Callable[[Path], Iterator[Question]]


def track_questions(track: Track, notify: Notify) -> tuple[list[Asked], list[NotChecked]]:
    """The questions of every task of a track, and the tasks whose questions are not at hand.

    A task with a limit is checked on the items it evaluates. Raises StorageError or EvaluationError when a file cannot
    be had or breaks its layout.
    """
    asked: list[Asked] = []
    missing: list[NotChecked] = []
    for spec in track.evaluation.tasks:
        questions = _task_questions(spec, track, notify)
        if questions is None:
            missing.append(NotChecked(spec.name, _why_not(spec)))
        else:
            asked.append(Asked(spec.name, "task", questions))
    return asked, missing


def folder_questions(folder: Path) -> tuple[list[Asked], list[NotChecked]]:
    """The questions of every known evaluation set of a folder, and the sets it does not have.

    Raises UsageError when it has none of them, EvaluationError for a file that breaks its layout.
    """
    root = folder / "evals" if (folder / "evals").is_dir() else folder
    asked: list[Asked] = []
    missing: list[NotChecked] = []
    for known in KNOWN_SETS:
        paths = known.paths(root)
        if paths:
            questions = tuple(question for path in paths for question in known.questions(path))
            asked.append(Asked(known.name, "set", questions))
        else:
            missing.append(NotChecked(known.name, f"the folder has no {known.file}"))
    if not asked:
        raise UsageError(f"{root} holds no known evaluation set, such as {KNOWN_SETS[0].file}.")
    return asked, missing


@dataclass(frozen=True)
class KnownSet:
    """A public evaluation set: its file in the folder (or files, where a star stands), and how questions are read.

    `twins` are other files of the same questions in the same layout.
    """

    name: str
    file: str
    read: Reader
    twins: tuple[str, ...] = ()

    def paths(self, root: Path) -> list[Path]:
        """Its files in a folder, packed or not."""
        found = sorted(root.glob(self.file)) or sorted(root.glob(f"{self.file}.gz"))
        return [path for path in found if path.is_file()]

    def questions(self, path: Path) -> Iterator[Question]:
        """The questions of one of its files; ids are unique within the set."""
        for question in self.read(path):
            name = f"{path.name.split('.')[0]}/{question.id}" if "*" in self.file else question.id
            yield Question(name, question.text, question.passage)


def _task_questions(spec: TaskSpec, track: Track, notify: Notify) -> tuple[Question, ...] | None:
    if spec.kind not in NEEDS:
        return tuple(
            _parted(item.id, item.instruction)
            if spec.format == "gauntlet"
            else Question(item.id, f"{item.instruction}\n{item.input}".strip())
            for item in load_task(spec, track, notify=notify).items
        )
    local = spec.data.local.removesuffix(".gz") if spec.data else ""
    for known in KNOWN_SETS:
        if spec.data and local in {f"evals/{file}" for file in (known.file, *known.twins)}:
            return tuple(known.questions(fetch(spec.data, notify=notify)))
    return None


def _why_not(spec: TaskSpec) -> str:
    if spec.kind == "harness":
        return "its questions come with lm-evaluation-harness; check the set itself with --evals"
    return "the layout of its file is not known; convert it, or check the set itself with --evals"


def _parted(identifier: str, text: str) -> Question:
    """A prompt of the MosaicML gauntlet, or one like it, taken apart: passage, question; choices are left out."""
    text = re.split(r"\n(?:Choices|Answer):", text, maxsplit=1)[0]
    before, mark, asked = text.rpartition("Question:")
    return Question(identifier, asked if mark else text, re.sub(r"^(?:Passage|Context):", "", before).strip())


def _records(entries: Callable[[Path], Iterator[tuple[str, Any]]], key: str) -> Reader:
    def read(path: Path) -> Iterator[Question]:
        for number, (place, record) in enumerate(entries(path)):
            yield _parted(str(number), text_of(record, key, place))

    return read


def _whole(entries: Callable[[Path], Iterator[tuple[str, Any]]], key: str) -> Reader:
    def read(path: Path) -> Iterator[Question]:
        for number, (place, record) in enumerate(entries(path)):
            yield Question(str(number), text_of(record, key, place))

    return read


def _items(layout: str) -> Reader:
    """The reader of a layout that tasks use, for sets of which it leaves no item out."""

    def read(path: Path) -> Iterator[Question]:
        for item in READERS[layout](path):
            yield Question(item.id, f"{item.instruction}\n{item.input}".strip())

    return read


def _turns(path: Path) -> Iterator[Question]:
    for number, (place, record) in enumerate(json_lines(path)):
        turns = record.get("turns")
        if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
            raise EvaluationError(f"{place}: 'turns' must be a list of texts.")
        yield Question(str(number), "\n".join(turns))


def _winogrande(path: Path) -> Iterator[Question]:
    """The sentence with its right option filled in: as a question it has no words of its own."""
    for number, (place, record) in enumerate(json_lines(path)):
        options, gold = record.get("context_options"), record.get("gold")
        if not isinstance(options, list) or gold not in range(len(options)):
            raise EvaluationError(f"{place}: 'gold' must be a position in 'context_options'.")
        yield Question(str(number), f"{options[gold]} {text_of(record, 'continuation', place)}")


def _bbh(path: Path) -> Iterator[Question]:
    """Inputs with their options: several tasks of BIG-Bench Hard consist of nothing else."""
    for number, record in enumerate(_object(path).get("examples", ())):
        yield Question(str(number), text_of(record, "input", f"{path}, example {number}"))


def _tydiqa(path: Path) -> Iterator[Question]:
    for article in _object(path).get("data", ()):
        for paragraph in article.get("paragraphs", ()):
            passage = text_of(paragraph, "context", str(path))
            for asked in paragraph.get("qas", ()):
                yield Question(text_of(asked, "id", str(path)), text_of(asked, "question", str(path)), passage)


def _mmlu(path: Path) -> Iterator[Question]:
    """The test questions of all subjects, from the archive of CSV files without a header."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if "/test/" in name and name.endswith(".csv"):
                    subject = Path(name).stem.removesuffix("_test")
                    text = io.StringIO(archive.read(name).decode("utf-8"), newline="")
                    for number, row in enumerate(csv.reader(text)):
                        yield Question(f"{subject}/{number}", row[0])
    except (zipfile.BadZipFile, UnicodeDecodeError, csv.Error, IndexError) as error:
        raise EvaluationError(f"{path} is no archive of MMLU ({error}); fetch it again.") from error


def _hellaswag(path: Path) -> Iterator[Question]:
    """Six lines an item: activity and context, the label, four endings."""
    lines = decoded(path).rstrip("\n").split("\n")
    if len(lines) % 6:
        raise EvaluationError(f"{path} has {len(lines)} lines, which is no multiple of six; fetch it again.")
    for number, line in enumerate(lines[::6]):
        yield Question(str(number), line.partition(": ")[2] or line)


def _object(path: Path) -> Mapping[str, Any]:
    import json

    try:
        document = json.loads(decoded(path))
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{path}, line {error.lineno}: broken JSON ({error.msg}); fetch it again.") from error
    if not isinstance(document, dict):
        raise EvaluationError(f"{path}: a JSON object is wanted.")
    return document


def _gauntlet(key: str, names: Sequence[str]) -> Iterator[KnownSet]:
    for name in names:
        yield KnownSet(f"icl {name}", f"icl_multiple_choice/{name}.jsonl", _records(json_lines, key))


KNOWN_SETS: tuple[KnownSet, ...] = (
    KnownSet(
        "alpaca_eval",
        "alpaca_eval/text_davinci_003.json",
        _whole(json_array, "instruction"),
        twins=("alpaca_eval/gpt4_1106_preview.json",),
    ),
    KnownSet("mt_bench", "mt_bench/question.jsonl", _turns),
    KnownSet("vicuna_bench", "vicuna_bench/question.jsonl", _turns),
    KnownSet("arena_hard_v0.1", "arena_hard_v0.1/question.jsonl", _whole(json_lines, "prompt")),
    KnownSet("arena_hard_v2.0", "arena_hard_v2.0/question.jsonl", _whole(json_lines, "prompt")),
    KnownSet("ifeval", "ifeval/input_data.jsonl", _whole(json_lines, "prompt")),
    KnownSet("gsm8k test", "gsm8k/test.jsonl", _items("gsm8k")),
    KnownSet("math test", "math/test.jsonl", _whole(json_lines, "problem")),
    KnownSet("bbh", "bbh/*.json", _bbh),
    KnownSet("truthfulqa", "truthfulqa/TruthfulQA.csv", _items("truthfulqa")),
    KnownSet("human_eval", "human_eval/HumanEval.jsonl", _whole(json_lines, "prompt")),
    KnownSet("mbpp", "mbpp/sanitized-mbpp.json", _whole(json_array, "prompt")),
    KnownSet("mmlu test", "mmlu/mmlu.zip", _mmlu),
    KnownSet("hellaswag", "hellaswag/hellaswag_val_full.txt.bz2", _hellaswag),
    *(KnownSet(f"tydiqa {language}", f"tydiqa_goldp/{language}_dev.json", _tydiqa) for language in LANGUAGES),
    KnownSet("test set koala", "instruct_test_sets/koala.jsonl", _whole(json_lines, "prompt")),
    KnownSet("test set vicuna", "instruct_test_sets/vicuna.jsonl", _whole(json_lines, "text")),
    KnownSet("test set wizardlm", "instruct_test_sets/wizardlm.jsonl", _whole(json_lines, "Instruction")),
    KnownSet("test set sinstruct", "instruct_test_sets/sinstruct.jsonl", _items("self-instruct")),
    *_gauntlet("query", ("arc_challenge", "arc_easy", "openbook_qa", "commonsense_qa", "copa", "piqa", "siqa")),
    *_gauntlet("query", ("boolq", "logi_qa")),
    *_gauntlet("context", ("jeopardy_all", "triviaqa_sm_sub", "lambada_openai", "svamp", "aqua")),
    KnownSet("icl winogrande", "icl_multiple_choice/winogrande.jsonl", _winogrande),
)
