"""Suites on a base model and its adapters, outside of any track: one engine start for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from suite.engines import chosen_engine, open_engine
from suite.errors import BreadthError, EvaluationError, UsageError
from suite.evaluation.judged_later import Waiting, judge_all
from suite.evaluation.protocol import AskedModel, Task, TaskOutcome
from suite.evaluation.rows import ROWS
from suite.evaluation.run import ask_together
from suite.reporting import Progress, no_progress
from suite.templates import get_template

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.engines.vllm.engine import VllmSettings
    from suite.statistics.bradley_terry import Strengths

BASE = "base"
"""What the bare model is called beside its adapters."""


@dataclass(frozen=True)
class Setting:
    """How models are run: engine, numbers, the template of instructions, and the most tokens of prompt and answer.

    `batch_size` None leaves the rows at a time to the engine, `gpus` is over how many vllm splits each matrix.
    """

    template: str = "alpaca"
    max_length: int = 2048
    engine: Literal["auto", "transformers", "vllm"] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_size: int | None = None
    gpus: int = 1


@dataclass(frozen=True)
class SuiteScore:
    """One suite on one model."""

    task: Task
    model: str
    outcome: TaskOutcome

    @property
    def mean(self) -> float:
        """The mean over items; higher is better."""
        return float(self.outcome.values.mean(dtype=np.float64))

    @property
    def standard_error(self) -> float:
        """Of the mean, over items; nan with one item."""
        values = self.outcome.values.astype(np.float64)
        return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Everything a reader needs to pair this with another model's score: ids, values, and what they belong to."""
        return {
            "suite": self.task.name,
            "kind": self.task.kind,
            "model": self.model,
            "mean": self.mean,
            "standard_error": None if np.isnan(self.standard_error) else self.standard_error,
            "chance": self.task.chance,
            "items_sha256": self.task.items_sha256,
            "ids": [item.id for item in self.task.items],
            "values": [float(value) for value in self.outcome.values],
            "summary": dict(self.outcome.summary),
            "tokens": self.outcome.tokens,
            "truncated": self.outcome.truncated,
            "first_prompt_ids": list(self.outcome.first_prompt_ids),
            "samples": list(self.outcome.samples),
        }


@dataclass(frozen=True)
class SuiteRun:
    """What was evaluated, what failed and why (by `suite of model`), and the versions of what ran it."""

    scores: list[SuiteScore]
    failures: dict[str, str]
    versions: dict[str, str]


def run_suites(
    base: Path,
    adapters: Mapping[str, Path],
    tasks: Sequence[Task],
    setting: Setting,
    *,
    progress: Callable[[str], Progress] = lambda title: no_progress,
) -> SuiteRun:
    """Every task on every adapter, or on the bare model where there is none; adapters share batches.

    A task that cannot be evaluated fails alone, for an adapter that it cannot be evaluated for. Raises EvaluationError
    for a folder without a model or tokenizer, and for an adapter of another model; all adapters are loaded before
    anything is evaluated.
    """
    from transformers import AutoTokenizer

    template = get_template(setting.template)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"The tokenizer of the model in {base} cannot be read: {error}") from error
    engine = open_engine(
        setting.engine,
        base,
        dtype=setting.dtype,
        batch_size=setting.batch_size or ROWS[chosen_engine(setting.engine)],
        vllm=vllm_settings(setting, tuple(adapters.values())) if chosen_engine(setting.engine) == "vllm" else None,
    )
    models = {
        name: AskedModel(tokenizer, template, setting.max_length, name if adapters else None)
        for name in adapters or (BASE,)
    }
    found: dict[tuple[str, str], TaskOutcome | BreadthError] = {}
    waiting: dict[tuple[str, str], Waiting] = {}
    try:
        for name, folder in adapters.items():
            engine.add_adapter(name, folder)
        for task in tasks:
            outcomes, answers = _asked(task, engine, models, progress)
            found |= outcomes
            waiting |= answers
        # After the fact: an engine short of memory goes on with smaller batches.
        versions = {"engine": ", ".join(filter(None, (engine.name, engine.batching))), **engine.versions}
        found |= judge_all(waiting, engine, progress("verdicts"))
    finally:
        engine.close()
    run = SuiteRun([], {}, versions)
    for name in models:
        for task in tasks:
            outcome = found[name, task.name]
            if isinstance(outcome, BreadthError):
                run.failures[f"{task.name} of {name}"] = str(outcome)
            else:
                run.scores.append(SuiteScore(task, name, outcome))
    return run


def vllm_settings(setting: Setting, adapters: Sequence[Path]) -> VllmSettings:
    """The layout of a vLLM engine that holds these adapters and no more: their rank, and places for them alone.

    Raises EvaluationError for a folder without an adapter.
    """
    from suite.engines.vllm.engine import LEAST_CONTEXT, VllmSettings
    from suite.engines.vllm.fitting import adapter_rank

    return VllmSettings(
        context=max(setting.max_length, LEAST_CONTEXT),
        rank=max(map(adapter_rank, adapters), default=VllmSettings.rank),
        adapters=min(VllmSettings.adapters, len(adapters)),
        gpus=setting.gpus,
    )


def _asked(
    task: Task, engine: Engine, models: Mapping[str, AskedModel], progress: Callable[[str], Progress]
) -> tuple[dict[tuple[str, str], TaskOutcome | BreadthError], dict[tuple[str, str], Waiting]]:
    """A task on all models together; where that fails on each alone, so that only those fail which cannot be had."""
    whose = next(iter(models)) if len(models) == 1 else f"{len(models)} models"
    try:
        outcomes, waiting = ask_together([task], engine, models, progress(f"{task.name} of {whose}"))
        return {**outcomes}, waiting
    except BreadthError as error:
        if len(models) == 1:
            return {(name, task.name): error for name in models}, {}
    found: dict[tuple[str, str], TaskOutcome | BreadthError] = {}
    waiting = {}
    for name, model in models.items():
        alone = _asked(task, engine, {name: model}, progress)
        found |= alone[0]
        waiting |= alone[1]
    return found, waiting


def named_adapters(folders: Sequence[Path]) -> dict[str, Path]:
    """Adapters by the names of their folders; UsageError where two would have one name, or one lacks its folder."""
    named: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().name
        if not folder.is_dir():
            raise UsageError(f"There is no adapter folder {folder}.")
        if name in named or name == BASE:
            raise UsageError(f"Two models would be called {name!r} ({folder}); rename a folder.")
        named[name] = folder
    return named


def pairwise_strengths(scores: Sequence[SuiteScore]) -> dict[str, Strengths | str]:
    """Bradley and Terry's strengths on each suite judged in pairs, or why there are none."""
    from suite.evaluation.judging.pairs import strengths

    found: dict[str, Strengths | str] = {}
    for suite in dict.fromkeys(score.task.name for score in scores if score.task.kind == "pairwise-judge"):
        values = {score.model: score.outcome.values.astype(float) for score in scores if score.task.name == suite}
        try:
            found[suite] = strengths(values)
        except ValueError as error:
            found[suite] = str(error)
    return found
