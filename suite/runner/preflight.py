"""What would end a run is looked for before it starts: no GPU, too little memory, closed models, missing tokens.

Each is one error that says what is needed and what to do. Memory is checked by what a fine-tune is certain to hold
(weights, gradients, optimiser); whether its activations fit as well is an estimate, and told as one. What is evaluated
outside of a track (`breadth evaluate`, `breadth judge`) is checked by the weights that engines are certain to hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from suite.errors import BreadthError, TrainingError

if TYPE_CHECKING:
    from suite.cost.formulas import Memory
    from suite.cost.shapes import Shape
    from suite.engines import EngineName
    from suite.evaluation.judging.judge import JudgeModel
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.track import TaskSpec, Track

GIB = 2**30
LONG_GPU_HOURS = 1.0
"""A track that takes longer than this on a GPU is not started without one: it would take weeks."""
CONTEXT_BYTES = GIB


class CannotRun(BreadthError):  # noqa: N818 - a verdict before anything was done
    """This machine cannot run what was asked for."""


def check_models(experiment: Experiment, cells: Sequence[Cell]) -> None:
    """Raise TrainingError for a model that is closed to us, or whose tokenizer cannot write the recipe's template.

    Asks the Hub about models that are not on this disk; when it cannot be reached, fetching them will say so.
    """
    from suite.base_models.resolve import is_ready
    from suite.templates import get_template, stop_token_id

    track = experiment.track
    for name in dict.fromkeys(cell.base_model for cell in cells):
        model = track.base_model(name)
        if model.kind == "built":
            continue
        if not is_ready(model, track, cache=experiment.folders.cache):
            _check_access(model.hub, model.revision, "Base model")
            continue
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(experiment.base(name).folder, local_files_only=True)
        stop_token_id(get_template(track.recipe.template), tokenizer)
    for task in track.evaluation.tasks:
        if task.judge:
            _check_access(task.judge, task.judge_revision, f"The judge of task {task.name},")


def check_suites(
    model: str, specs: Sequence[TaskSpec], *, engine: EngineName, dtype: Literal["float32", "bfloat16"], gpus: int = 1
) -> None:
    """What `breadth evaluate` is about to load: the model (split over `gpus`) and the judges of its suites.

    Raises TrainingError for one that the Hub does not give us, CannotRun for one that the GPUs do not hold, EngineError
    for an engine that cannot run here.
    """
    from suite.engines import chosen_engine
    from suite.evaluation.judging.loading import judge_of

    name, commit = (model, "") if Path(model).is_dir() else (model.partition("@")[0], model.partition("@")[2])
    advice = "--dtype bfloat16 halves that." if dtype == "float32" else "Take a smaller one, a larger card, or --gpus."
    held = [_Held("The model", name, commit or "not pinned", chosen_engine(engine), dtype, gpus, advice)]
    for spec in specs:
        if spec.judge:
            held.append(_Held.judge(f"The judge of {spec.name},", judge_of(spec, engine, dtype)))
    _check_held(held)


def check_judge(model: JudgeModel) -> None:
    """What `breadth judge` is about to load; raises as `check_suites` does."""
    _check_held([_Held.judge("The judge", model)])


@dataclass(frozen=True)
class _Held:
    """A model that an engine will hold, in whose words, how, on how many GPUs, and what to do where it does not fit."""

    what: str
    name: str
    revision: str
    engine: Literal["transformers", "vllm"]
    dtype: Literal["float32", "bfloat16"]
    gpus: int
    advice: str

    @classmethod
    def judge(cls, what: str, model: JudgeModel) -> _Held:
        """A judge, which vLLM splits over the GPUs there are."""
        gpus = model.gpus if model.engine == "vllm" else 1
        advice = "Take a smaller judge, or more GPUs: the vllm engine splits it over all that are visible."
        return cls(what, model.name, model.revision, model.engine, model.dtype, gpus, advice)


def _check_held(held: Sequence[_Held]) -> None:
    from suite.cost.judges import room_for_a_judge
    from suite.cost.shapes import ShapeUnknown, shape_of_named
    from suite.cost.weights import weight_bytes
    from suite.engines.vllm.finding import find_vllm
    from suite.machine import hardware

    machine = hardware()
    memory = gpu_memory(machine)
    for one in held:
        if one.engine == "vllm":
            find_vllm().check_device()
            if one.gpus > 1:
                with suppress(ShapeUnknown):
                    _check_split(f"{one.what} {one.name}", shape_of_named(one.name, one.revision), one.gpus, "--gpus")
        _check_access(one.name, one.revision, one.what)
        weights = weight_bytes(one.name, one.revision, 4 if one.dtype == "float32" else 2)
        if memory is None or weights is None:
            continue
        room = room_for_a_judge(memory * one.gpus) if one.engine == "vllm" else memory - CONTEXT_BYTES
        if weights > room:
            raise CannotRun(
                f"{one.what} {one.name} needs {weights / GIB:,.0f} GiB for its weights alone ({one.dtype}), and the "
                f"{one.engine} engine takes {room / GIB:,.0f} of {_cards(one.gpus)} here at most ({machine}). "
                f"{one.advice} Nothing was run."
            )


def _check_access(model: str, revision: str, what: str) -> None:
    """Raise TrainingError for a model that is not on this disk and that the Hub does not give to this account."""
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    from suite.cost.shapes import config_here

    if Path(model).is_dir() or config_here(model, revision):
        return
    try:
        HfApi().auth_check(model)
    except GatedRepoError as error:
        raise TrainingError(
            f"{what} {model} is gated: accept its licence at https://huggingface.co/{model}, then log in "
            "with `hf auth login` (or set HF_TOKEN) under that account and run again. Nothing was run."
        ) from error
    except RepositoryNotFoundError as error:
        raise TrainingError(
            f"The Hub has no model {model} that this account may see. Check its name (in a track: base_models and "
            "judges), or log in with `hf auth login`. Nothing was run."
        ) from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, RuntimeError):
        return  # offline, or no answer: whether it can be had shows when it is fetched


def check_card(
    track: Track,
    base_models: Sequence[str],
    hardware: str,
    gpus_per_cell: int = 1,
    engine: Literal["transformers", "vllm"] = "transformers",
) -> list[str]:
    """What may not fit, in sentences; `hardware` is a line of `suite.machine.hardware`.

    Raises CannotRun where there is no GPU for a track that needs one, where a fine-tune's weights, gradients and
    optimiser alone are more than the GPUs of a cell hold, or where the engine cannot share a model out to them.
    """
    from suite.cost.splitting import least_split

    memory = gpu_memory(hardware)
    if memory is None:
        if track.gpu_hours <= LONG_GPU_HOURS:
            return []
        raise CannotRun(
            f"Track {track.name} needs a GPU (about {track.gpu_hours:g} GPU-hours), and there is none here "
            f"({hardware}). Run it where nvidia-smi shows one, on a cluster with --executor ray, or take a track for "
            "processors: `breadth tracks` lists them."
        )
    doubts = []
    for name in dict.fromkeys(base_models):
        shape = _shape(track, name)
        if shape is None:
            continue
        held = _held(track, name, shape)
        if engine == "vllm":
            _check_split(f"Base model {name}", shape, gpus_per_cell, "--gpus-per-cell")
        certain = held.weights + held.gradients + held.optimiser + CONTEXT_BYTES
        have = memory * gpus_per_cell
        if certain > have:
            raise CannotRun(
                f"Base model {name} needs {certain / GIB:,.0f} GiB for weights, gradients and optimiser alone (about "
                f"{(held.total + CONTEXT_BYTES) / GIB:,.0f} with activations), and {_cards(gpus_per_cell)} here "
                f"{'has' if gpus_per_cell == 1 else 'have'} {have / GIB:,.0f} ({hardware}). Set --gpus-per-cell "
                f"{least_split(math.ceil((held.total + CONTEXT_BYTES) / memory), shape)}, or take a card with more "
                "memory."
            )
        if held.total + CONTEXT_BYTES > have:
            doubts.append(
                f"{name} may not fit: about {(held.total + CONTEXT_BYTES) / GIB:,.0f} GiB of {have / GIB:,.0f}. A "
                "smaller micro_batch_size or gradient_checkpointing = true in the recipe, or --gpus-per-cell, helps."
            )
    _check_judges(track, memory, gpus_per_cell, hardware)
    return doubts


def _check_split(what: str, shape: Shape, gpus: int, option: str) -> None:
    """Raise CannotRun where vLLM cannot split such a model over so many GPUs: it says so when all is trained."""
    from suite.cost.splitting import largest_split, least_split, splits_over

    if not splits_over(shape, gpus):
        raise CannotRun(
            f"{what} cannot be split over {gpus} GPUs by the vllm engine: each takes a whole share of its "
            f"{shape.heads} attention heads ({shape.kv_heads} of keys and values) and of its matrices. Set {option} "
            f"{largest_split(shape, gpus)} or {least_split(gpus + 1, shape)}. Nothing was run."
        )


def _check_judges(track: Track, memory: int, gpus_per_cell: int, hardware: str) -> None:
    """Raise CannotRun for a judge whose bfloat16 weights are more than the share of the GPUs that an engine takes.

    It has them to itself: it starts when the engine that answered has ended.
    """
    from suite.cost.judges import judges_too_large

    for judge in judges_too_large(track, memory, gpus_per_cell):
        raise CannotRun(
            f"Task {judge.task.name} is judged by {judge.task.judge}, whose weights alone need "
            f"{judge.weights / GIB:,.0f} GiB, and an engine takes {judge.room / GIB:,.0f} of {_cards(gpus_per_cell)} "
            f"here at most ({hardware}). Set --gpus-per-cell {judge.needed} (the vllm engine splits a judge over "
            "them), or name a smaller judge in a track of your own."
        )


def gpu_memory(hardware: str) -> int | None:
    """Bytes of the smallest GPU in a line such as `NVIDIA H200, 143771 MiB; NVIDIA H200, 143771 MiB`; None for none."""
    found = [int(size) for size in re.findall(r", (\d+) MiB", hardware)]
    return min(found) * 2**20 if found else None


def _shape(track: Track, name: str) -> Shape | None:
    from suite.cost.shapes import ShapeUnknown, shape_of

    try:
        return shape_of(track.base_model(name))
    except ShapeUnknown:
        return None


def _held(track: Track, name: str, shape: Shape) -> Memory:
    from suite.cost.formulas import training_memory

    recipe = track.recipe_for(name)
    return training_memory(shape, recipe, recipe.micro_batch_size or recipe.batch_size, recipe.max_length)


def _cards(count: int) -> str:
    return "the GPU" if count == 1 else f"{count} GPUs"
