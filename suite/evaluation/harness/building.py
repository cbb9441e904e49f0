"""From a name of lm-evaluation-harness (a task or a group) to its task objects, over our documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from suite.errors import EvaluationError, did_you_mean
from suite.evaluation.harness.documents import load_documents
from suite.evaluation.harness.installed import quiet_harness

FOLDERS = {
    "arc_challenge": "arc",
    "arc_easy": "arc",
    "bbh_cot_fewshot": "bbh/cot_fewshot",
    "gsm8k": "gsm8k",
    "gsm8k_cot": "gsm8k",
    "hellaswag": "hellaswag",
    "humaneval": "humaneval",
    "ifeval": "ifeval",
    "mmlu": "mmlu/default",
    "truthfulqa_mc1": "truthfulqa",
    "truthfulqa_mc2": "truthfulqa",
    "tydiqa_goldp": "tydiqa",
}
"""Where in the harness the suites' tasks lie: reading all of its folders takes ten seconds."""

SPLITS = ("training_split", "fewshot_split", "validation_split", "test_split")
"""The keys of a task's configuration that name splits of its documents."""

FEWSHOT_SEED = 1234
"""The harness's own default."""

Read = dict[tuple[str, str | None, str | None], Any]
"""Data sets that have been read, by path, configuration and revision."""


@dataclass(frozen=True)
class Settings:
    """What is asked of a harness task: None for `shots` leaves the task's own number of examples."""

    task: str
    shots: int | None = None


def build(settings: Settings) -> dict[str, Any]:
    """The harness's task objects by name, in the group's order, documents loaded.

    Raises EvaluationError for a name the harness does not know, for a task that runs generated code or is made of
    Python classes, and for documents that cannot be had.
    """
    from lm_eval.api.task import ConfigurableTask

    tasks = {}
    with quiet_harness():
        # The tasks of a group often read the same documents: TyDi QA's nine languages lie in one set.
        read: Read = {}
        for entry in _leaves(settings.task):
            config = _configuration(entry)
            tasks[entry.name] = ConfigurableTask(config=_ours(entry.name, config, settings.shots, read))
        for task in tasks.values():
            # As the harness itself has it: a task that states no examples keeps none.
            if settings.shots is not None and task.get_config("num_fewshot") != 0:
                task.set_config(key="num_fewshot", value=settings.shots)
            elif task.get_config("num_fewshot") is None:
                task.set_config(key="num_fewshot", value=0)
        begin(tasks)
    return tasks


def begin(tasks: Mapping[str, Any]) -> None:
    """Make tasks draw their examples from the first again: of an evaluation before this one nothing is left."""
    for task in tasks.values():
        task.set_fewshot_seed(seed=FEWSHOT_SEED)


def _configuration(entry: Any) -> dict[str, Any]:
    """What a task's file states, once it is sure that the task can be run: to resolve its functions runs its code."""
    from lm_eval.tasks._yaml_loader import load_yaml

    stated = load_yaml(entry.yaml_path, resolve_func=False) if entry.yaml_path else dict(entry.cfg or {})
    if "class" in stated or "dataset_path" not in stated:
        raise EvaluationError(f"Task {entry.name} of the harness is written in Python, which is not run here.")
    if stated.get("unsafe_code"):
        raise EvaluationError(
            f"Task {entry.name} of the harness runs generated code, which the harness does without a sandbox: it is "
            "not run here."
        )
    try:
        return load_yaml(entry.yaml_path, resolve_func=True) if entry.yaml_path else stated
    except (ImportError, OSError) as error:
        raise EvaluationError(f"Task {entry.name} of the harness cannot be loaded: {error}") from error


def _ours(name: str, config: dict[str, Any], shots: int | None, read: Read) -> dict[str, Any]:
    """A task's configuration with its documents read by `load_documents`, and without splits that are not there.

    What is in `read` is not read again.
    """
    given = {key: value for key, value in config.items() if key not in ("tag", "group", "task_list", "include")}
    asked = dict(given.get("dataset_kwargs") or {})
    path = given["dataset_path"]
    which = (path, given.get("dataset_name"), asked.get("revision"))
    if which not in read:
        read[which] = load_documents(*which[:2], task=name, revision=which[2])
    documents = copy(read[which])
    # The harness hands over its metadata as well, which documents do not hang on.
    ours = given | {"custom_dataset": lambda **_: documents, "dataset_kwargs": None}
    stated = given.get("num_fewshot")
    examples = stated if stated == 0 or shots is None else shots
    if process := given.get("process_docs"):
        # Once, where the harness would do it again at every look at a split.
        splits = {given.get(key) for key in SPLITS}
        for split in splits & set(documents):
            documents[split] = process(documents[split])
        ours["process_docs"] = None
    # Questions come from the test split, and from the validation split of a task without one.
    for key in ("training_split", "fewshot_split", *(("validation_split",) if ours.get("test_split") else ())):
        if ours.get(key) and ours[key] not in documents:
            if examples and not (given.get("fewshot_config") or {}).get("samples"):
                raise EvaluationError(
                    f"Task {name} with {examples} examples reads the split {ours[key]!r} of {path}, which the copy "
                    "under BREADTH_DATA lacks: unset BREADTH_DATA to read the Hub's, or ask for no examples."
                )
            ours[key] = None
    return ours


def _leaves(name: str) -> Iterator[Any]:
    """The index's entries of a task, or of all tasks of a group or tag."""
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager

    root = Path(lm_eval.tasks.__file__).parent
    if name in FOLDERS:
        index = TaskManager(include_path=str(root / FOLDERS[name]), include_defaults=False).task_index
    else:
        index = _every_task()
    if name not in index:
        raise EvaluationError(
            f"lm-evaluation-harness has no task {name!r}.{did_you_mean(name, index)} `lm_eval ls tasks` lists all, "
            "`breadth evaluate --list` the suites."
        )
    yield from _members(name, index)


@cache
def _every_task() -> Any:
    """The index of all that the harness has."""
    from lm_eval.tasks import TaskManager

    return TaskManager().task_index


def _members(name: str, index: Any) -> Iterator[Any]:
    from lm_eval.tasks._index import Kind

    entry = index[name]
    if entry.kind is Kind.TAG:
        for member in sorted(entry.tags):
            yield from _members(member, index)
    elif entry.kind is Kind.GROUP:
        members = entry.cfg["task"] if entry.cfg else []
        for member in members:
            yield from _members(member if isinstance(member, str) else member["task"], index)
    else:
        yield entry
