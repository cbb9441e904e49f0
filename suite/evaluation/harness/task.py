"""A task (or group) of lm-evaluation-harness as one of ours: per-item values from its own prompts and metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import EvaluationError
from suite.evaluation.formats import subsample
from suite.evaluation.harness.building import SPLITS, Settings, begin, build
from suite.evaluation.harness.company import Company
from suite.evaluation.harness.installed import check_harness, quiet_harness
from suite.evaluation.plan import SHOWN
from suite.evaluation.protocol import AskedModel, Item, Task, TaskOutcome, Unit
from suite.hashing import canonical_json, content_key
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.track import TaskSpec

METRICS: Mapping[str, str] = {
    "arc_challenge": "acc_norm",
    "arc_easy": "acc_norm",
    "hellaswag": "acc_norm",
    "ifeval": "prompt_level_strict_acc",
    "tydiqa_goldp": "f1",
}
"""The metric whose per-item values are kept; a task's first where it is not named here."""

CHATS = frozenset({"ifeval"})
"""Tasks whose prompts are instructions to an assistant: they go through the track's template, all others as text."""


UNSAID = frozenset({"custom_dataset", "dataset_kwargs", "metadata", "process_docs", "task_alias", *SPLITS})
"""Parts of a task's configuration that say where documents come from, which their content says already."""


@dataclass(frozen=True, kw_only=True)
class HarnessTask(Task):
    """Values between 0 and 1 (higher is better): what `metric` gives an item under the task's first filter.

    `settings` says which task and how many examples; `max_new_tokens` 0 leaves the task's own limit. `content_sha256`
    is that of documents, examples and wording, from wherever the documents came. Groups are averaged over items. The
    documents are read again where the task is evaluated, and refused when they have changed.
    """

    settings: Settings
    metric: str
    content_sha256: str
    version: str

    kind: ClassVar[str] = "harness"
    unit: ClassVar[Unit] = "accuracy"

    @property
    def items_sha256(self) -> str:
        """Identity of the items with their prompts, of the harness's version and of how they are scored."""
        ids = [item.id for item in self.items]
        scoring = [self.metric, self.max_new_tokens, self.settings.task in CHATS]
        return content_key([self.kind, self.settings.task, self.version, scoring, self.content_sha256, ids])

    def evaluate(self, engine: Engine, model: AskedModel, progress: Progress = no_progress) -> TaskOutcome:
        """Ask the engine and score; raises EvaluationError when the documents are not those the task was made of."""
        (outcome,) = self.evaluate_together(engine, (model,), progress)
        return outcome

    def evaluate_together(
        self, engine: Engine, models: Sequence[AskedModel], progress: Progress = no_progress
    ) -> list[TaskOutcome]:
        """The same for adapters of one engine, whose requests share batches."""
        company = Company(model.adapter for model in models)
        tasks = build(self.settings)
        if _content_sha256(tasks, _places(self.items)) != self.content_sha256:
            raise EvaluationError(
                f"Task {self.name}: the documents of {self.settings.task} have changed since the run began; run again."
            )
        return [self._evaluated(tasks, engine, model, company, progress) for model in models]

    def _evaluated(
        self, tasks: Mapping[str, Any], engine: Engine, model: AskedModel, company: Company, progress: Progress
    ) -> TaskOutcome:
        from lm_eval.evaluator import evaluate

        from suite.evaluation.harness.model import EngineLM

        samples = _places(self.items)
        asked = EngineLM(
            engine,
            model.tokenizer,
            adapter=model.adapter,
            company=company,
            max_length=model.max_length,
            template=model.template if self.settings.task in CHATS else None,
            max_new_tokens=self.max_new_tokens or None,
            progress=progress,
        )
        with quiet_harness():
            begin(tasks)
            found = evaluate(
                asked, {"tasks": {name: tasks[name] for name in samples}}, samples=samples, bootstrap_iters=0
            )
        assert found is not None
        scored = dict(self._scored(found["samples"], tasks))
        return TaskOutcome(
            values=np.array([scored[item.id][0] for item in self.items], dtype=np.float32),
            first_prompt_ids=asked.first_prompt_ids,
            tokens=asked.tokens,
            samples=tuple(
                {
                    "id": item.id,
                    "instruction": item.instruction,
                    "reference": item.reference,
                    "answer": scored[item.id][1],
                }
                for item in self.items[:SHOWN]
            ),
            truncated=asked.truncated,
        )

    def _scored(
        self, samples: Mapping[str, list[dict[str, Any]]], tasks: Mapping[str, Any]
    ) -> Iterable[tuple[str, tuple[float, str]]]:
        for name, records in samples.items():
            for record in records:
                if record["filter"] == first_filter(tasks[name]):
                    yield (
                        f"{name}/{record['doc_id']}",
                        (float(record[self.metric]), str(record["filtered_resps"])[:400]),
                    )


def load_harness_task(spec: TaskSpec) -> HarnessTask:
    """A track's or suite's harness task with its items: the `limit` of them that `subsample` draws, over a whole group.

    Shots and tokens that `spec` does not state are the harness's own. Raises EvaluationError where the harness is not
    installed, does not know the task, or its documents cannot be had.
    """
    version = check_harness(spec.name)
    stated = spec.model_fields_set
    settings = Settings(spec.harness_task, spec.shots if "shots" in stated else None)
    if spec.harness_task == "ifeval":
        _check_sentences(spec.name)
    tasks = build(settings)
    every = [Item(f"{name}/{place}", "") for name, task in tasks.items() for place in range(len(task.eval_docs))]
    if spec.limit is not None and spec.limit > len(every):
        raise EvaluationError(
            f"Task {spec.name} asks for {spec.limit} items where {spec.harness_task} has {len(every)}."
        )
    items = tuple(_described(item, tasks) for item in subsample(every, spec.limit, spec.name))
    first = next(iter(tasks.values()))
    return HarnessTask(
        name=spec.name,
        items=items,
        chance=spec.chance,
        max_new_tokens=spec.max_new_tokens if "max_new_tokens" in stated else 0,
        settings=settings,
        metric=METRICS.get(spec.harness_task) or str(first.config.metric_list[0]["metric"]),
        content_sha256=_content_sha256(tasks, _places(items)),
        version=version,
    )


def first_filter(task: Any) -> str:
    """The name of the filter whose answers are scored: the first that the task states."""
    filters = task.config.filter_list
    return str(filters[0]["name"]) if filters else "none"


def _described(item: Item, tasks: Mapping[str, Any]) -> Item:
    name, _, place = item.id.rpartition("/")
    task = tasks[name]
    document = task.eval_docs[int(place)]
    return Item(item.id, str(task.doc_to_text(document)), "", str(task.doc_to_target(document)))


def _places(items: Iterable[Item]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for item in items:
        name, _, place = item.id.rpartition("/")
        places.setdefault(name, []).append(int(place))
    return {name: sorted(found) for name, found in places.items()}


def _content_sha256(tasks: Mapping[str, Any], places: Mapping[str, list[int]]) -> str:
    """Identity of what is asked: documents, examples and the wording around them.

    Prompts follow from these and from the harness's version; to render all of MMLU's takes minutes.
    """
    digest = hashlib.sha256()
    for name in sorted(places):
        task = tasks[name]
        examples = list(task.fewshot_docs() or ()) if task.config.num_fewshot and task.has_training_docs() else []
        if task.config.num_fewshot and task.config.fewshot_split:
            examples = list(task.dataset[task.config.fewshot_split])
        wording = {key: _worded(value) for key, value in sorted(vars(task.config).items()) if key not in UNSAID}
        for told in (name, wording, *map(_plain, examples), *(_plain(task.eval_docs[at]) for at in places[name])):
            digest.update(canonical_json(told).encode() + b"\n")
    return digest.hexdigest()


def _worded(value: Any) -> Any:
    """A part of a task's configuration as JSON; functions by their names, which the harness's version pins."""
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, Mapping):
        return {str(key): _worded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_worded(part) for part in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(type(value).__name__)


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says: keys without a value come and go between releases of a data set."""
    return {key: value for key, value in document.items() if value is not None and value != ""}


def _check_sentences(task: str) -> None:
    """IFEval counts sentences with NLTK's model, which its package does not bring along."""
    try:
        import immutabledict  # noqa: F401
        import langdetect  # noqa: F401
        import nltk
    except ImportError as error:
        from suite.evaluation.harness.installed import INSTALL

        raise EvaluationError(f"Task {task} needs {error.name}, which is not installed here: {INSTALL}.") from error
    try:
        nltk.data.find("tokenizers/punkt_tab")
    except LookupError as error:
        with quiet_harness():
            if nltk.download("punkt_tab", quiet=True):
                return
        raise EvaluationError(
            f"Task {task} counts sentences with NLTK's punkt_tab, which is not on this machine: "
            "`python -m nltk.downloader punkt_tab` fetches it."
        ) from error
