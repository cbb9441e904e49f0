"""Evaluating models on tasks: several tasks in one pass, and many trained models on one base in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from suite.engines import EngineName, open_engine
from suite.engines.protocol import GenerationRequest, LikelihoodRequest
from suite.errors import BreadthError, EvaluationError
from suite.evaluation.judged_later import JudgedLater, Waiting, judge_all, whole
from suite.evaluation.plan import Plan, PlannedTask
from suite.evaluation.protocol import AskedModel, Task, TaskOutcome
from suite.reporting import Progress, no_progress
from suite.templates import get_template

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.engines.vllm.engine import VllmSettings
    from suite.training.job import TrainedModel

Request = TypeVar("Request", GenerationRequest, LikelihoodRequest)
Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)

SLICE = 2048
"""Requests handed to an engine at once: enough to fill batches with rows of one length, few enough to show progress."""


def evaluate_tasks(
    tasks: Sequence[Task],
    engine: Engine,
    model: AskedModel,
    progress: Progress = no_progress,
) -> dict[str, TaskOutcome]:
    """Outcomes of one model by task name; `progress` gets (requests done, requests in all).

    Same values as evaluating the tasks one by one, within the engine's tolerance; their requests share batches.
    """
    outcomes, waiting = ask_together(tasks, engine, {"": model}, progress)
    outcomes |= whole(judge_all(waiting, engine, progress))
    return {task.name: outcomes["", task.name] for task in tasks}


def ask_together(
    tasks: Sequence[Task], engine: Engine, models: Mapping[Key, AskedModel], progress: Progress = no_progress
) -> tuple[dict[tuple[Key, str], TaskOutcome], dict[tuple[Key, str], Waiting]]:
    """Outcomes of several models on one engine, and answers that wait for their judges, by (model, task name).

    The requests of all models share batches, whatever the kind of task; those of `PlannedTask`s with one another too.
    """
    outcomes = run_plans(
        {
            (key, task.name): task.plan(model)
            for key, model in models.items()
            for task in tasks
            if isinstance(task, PlannedTask)
        },
        engine,
        progress,
    )
    waiting: dict[tuple[Key, str], Waiting] = {}
    for task in tasks:
        keys, asked = [(key, task.name) for key in models], tuple(models.values())
        if isinstance(task, JudgedLater):
            waiting |= zip(keys, task.answer_together(engine, asked, progress), strict=True)
        elif not isinstance(task, PlannedTask):
            outcomes |= zip(keys, task.evaluate_together(engine, asked, progress), strict=True)
    return outcomes, waiting


def run_plans(plans: dict[Key, Plan], engine: Engine, progress: Progress = no_progress) -> dict[Key, TaskOutcome]:
    """Ask an engine all requests of several plans, each kind in one go, and finish the plans."""
    generations = [request for plan in plans.values() for request in plan.generations]
    likelihoods = [request for plan in plans.values() for request in plan.likelihoods]
    total = len(generations) + len(likelihoods)
    generated = iter(in_slices(generations, engine.generate, lambda done: progress(done, total)))
    scored = iter(in_slices(likelihoods, engine.log_likelihoods, lambda done: progress(len(generations) + done, total)))
    return {
        name: plan.finish([next(generated) for _ in plan.generations], [next(scored) for _ in plan.likelihoods])
        for name, plan in plans.items()
    }


class Evaluator:
    """Holds one base model in memory and evaluates fine-tunes of it, one after the other or several together.

    Adapters are added, evaluated and freed without reloading the base; a full fine-tune gets an engine of its own
    for as long as it is evaluated, and the GPU with it: the bare base rests when it has been evaluated. `engine_name`
    (with how it batched, where that matters), `versions` and `memory_elsewhere` (peak bytes of another process that
    holds the model, 0 where it is this one) are those of the engine last used. Use it as a context manager, or call
    `close`.
    """

    def __init__(
        self,
        base_model: Path,
        *,
        template: str,
        max_length: int,
        engine: EngineName = "auto",
        dtype: Literal["float32", "bfloat16"] = "float32",
        batch_size: int = 64,
        threads: int = 1,
        vllm: VllmSettings | None = None,
    ) -> None:
        import torch
        from transformers import AutoTokenizer

        torch.set_num_threads(threads)
        self.engine_name = ""
        self.versions: dict[str, str] = {}
        self.memory_elsewhere = 0
        self._options: dict[str, Any] = {"name": engine, "dtype": dtype, "batch_size": batch_size, "vllm": vllm}
        self._base_model = base_model
        self._base_engine: Engine | None = None
        try:
            tokenizer = AutoTokenizer.from_pretrained(base_model, local_files_only=True)
        except (OSError, ValueError) as error:
            raise EvaluationError(f"The tokenizer of the base model in {base_model} cannot be read: {error}") from error
        self.model = AskedModel(tokenizer, get_template(template), max_length)

    def evaluate(
        self, tasks: Sequence[Task], trained: TrainedModel | None, progress: Progress = no_progress
    ) -> dict[str, TaskOutcome]:
        """Outcomes by task name of one fine-tune, or of the untuned base model for None."""
        if trained is not None and trained.kind == "full":
            engine = self._open(trained.folder)
            try:
                return self._run(tasks, engine, None, progress)
            finally:
                engine.close()
        engine = self.base_engine()
        if trained is None:
            try:
                return self._run(tasks, engine, None, progress)
            finally:
                # What comes next on its GPU may be training, or the engine of a full fine-tune.
                engine.rest()
        name = trained.weights_sha256[:16]
        engine.add_adapter(name, trained.folder)
        try:
            return self._run(tasks, engine, name, progress)
        finally:
            engine.remove_adapter(name)

    def evaluate_together(
        self, tasks: Sequence[Task], models: Sequence[TrainedModel | None], progress: Progress = no_progress
    ) -> list[dict[str, TaskOutcome] | None]:
        """The same for several adapters (None: the bare base), whose requests share batches; in their order.

        None stands for those that could not be evaluated in this company: alone, `evaluate` says why or succeeds.
        """
        engine = self.base_engine()
        loaded: dict[int, str | None] = {}
        try:
            for place, model in enumerate(models):
                name = None if model is None else f"{model.weights_sha256[:16]}-{place}"
                with suppress(EvaluationError):
                    if model is not None and name is not None:
                        engine.add_adapter(name, model.folder)
                    loaded[place] = name
            outcomes = self._run_together(tasks, engine, loaded, progress)
        except EvaluationError:
            outcomes = {}
        finally:
            for name in loaded.values():
                if name is not None:
                    engine.remove_adapter(name)
        return [outcomes.get(place) for place in range(len(models))]

    def base_engine(self) -> Engine:
        """The engine that holds the base model, loaded on first use: full fine-tunes alone never need it."""
        if self._base_engine is None:
            self._base_engine = self._open(self._base_model)
        return self._base_engine

    def close(self) -> None:
        """Free the base model."""
        if self._base_engine is not None:
            self._base_engine.close()
            self._base_engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, folder: Path) -> Engine:
        return open_engine(folder=folder, **self._options)

    def _run(
        self, tasks: Sequence[Task], engine: Engine, adapter: str | None, progress: Progress
    ) -> dict[str, TaskOutcome]:
        try:
            return evaluate_tasks(tasks, engine, replace(self.model, adapter=adapter), progress)
        finally:
            self._note(engine)

    def _run_together(
        self, tasks: Sequence[Task], engine: Engine, adapters: dict[int, str | None], progress: Progress
    ) -> dict[int, dict[str, TaskOutcome]]:
        models = {place: replace(self.model, adapter=adapter) for place, adapter in adapters.items()}
        outcomes, waiting = ask_together(tasks, engine, models, progress)
        self._note(engine)
        judged = judge_all(waiting, engine, progress)
        outcomes |= {key: one for key, one in judged.items() if not isinstance(one, BreadthError)}
        return {
            place: {task.name: outcomes[place, task.name] for task in tasks}
            for place in adapters
            if all((place, task.name) in outcomes for task in tasks)
        }

    def _note(self, engine: Engine) -> None:
        # After the fact: an engine short of memory goes on with smaller batches.
        self.engine_name = ", ".join(filter(None, (engine.name, engine.batching)))
        self.versions = engine.versions
        self.memory_elsewhere = engine.memory_elsewhere()


def in_slices(
    requests: list[Request],
    ask: Callable[[Sequence[Request]], list[Answer]],
    done: Callable[[int], None],
) -> list[Answer]:
    """Ask requests in slices, longest prompts first; `done` is told how many are answered. Answers in request order."""

    def longest_first(place: int) -> tuple[int, tuple[int, ...]]:
        # Choices of one prompt stay side by side: the engine computes a shared prompt once.
        prompt = requests[place].prompt_ids
        return -len(prompt), prompt

    order = sorted(range(len(requests)), key=longest_first)
    answers: dict[int, Answer] = {}
    for start in range(0, len(order), SLICE):
        places = order[start : start + SLICE]
        answers.update(zip(places, ask([requests[place] for place in places]), strict=True))
        done(len(answers))
    return [answers[place] for place in range(len(requests))]
