"""What would end a run is looked for before it starts: no GPU, too little memory, closed models, missing tokens.

Each is one error that says what is needed and what to do. Memory is checked by what a fine-tune is certain to hold
(weights, gradients, optimiser); whether its activations fit as well is an estimate, and told as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import BreadthError, TrainingError

if TYPE_CHECKING:
    from suite.cost.formulas import Memory
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.track import HubModel, Track

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
    from suite.track import HubModel

    track = experiment.track
    for name in dict.fromkeys(cell.base_model for cell in cells):
        model = track.base_model(name)
        if model.kind == "built":
            continue
        if not is_ready(model, track, cache=experiment.folders.cache):
            _check_access(model)
            continue
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(experiment.base(name).folder, local_files_only=True)
        stop_token_id(get_template(track.recipe.template), tokenizer)
    for task in track.evaluation.tasks:
        if task.judge and not Path(task.judge).is_dir():
            judge = HubModel(kind="hub", name="judge", hub=task.judge, revision=task.judge_revision)
            if not is_ready(judge, track, cache=experiment.folders.cache):
                _check_access(judge, f"The judge of task {task.name},")


def _check_access(model: HubModel, what: str = "Base model") -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        HfApi().auth_check(model.hub)
    except GatedRepoError as error:
        raise TrainingError(
            f"{what} {model.hub} is gated: accept its licence at https://huggingface.co/{model.hub}, then log in "
            "with `hf auth login` (or set HF_TOKEN) under that account and run again. Nothing was run."
        ) from error
    except RepositoryNotFoundError as error:
        raise TrainingError(
            f"The Hub has no model {model.hub} that this account may see. Check the track's base_models and judges, or "
            "log in with `hf auth login`."
        ) from error
    except (HfHubHTTPError, OSError, ValueError, RuntimeError):
        return  # offline, or no answer: whether it can be had shows when it is fetched


def check_card(track: Track, base_models: Sequence[str], hardware: str, gpus_per_cell: int = 1) -> list[str]:
    """What may not fit, in sentences; `hardware` is a line of `suite.machine.hardware`.

    Raises CannotRun where there is no GPU for a track that needs one, or where a fine-tune's weights, gradients and
    optimiser alone are more than the GPUs of a cell hold.
    """
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
        held = _held(track, name)
        if held is None:
            continue
        certain = held.weights + held.gradients + held.optimiser + CONTEXT_BYTES
        have = memory * gpus_per_cell
        if certain > have:
            raise CannotRun(
                f"Base model {name} needs {certain / GIB:,.0f} GiB for weights, gradients and optimiser alone (about "
                f"{(held.total + CONTEXT_BYTES) / GIB:,.0f} with activations), and {_cards(gpus_per_cell)} here "
                f"{'has' if gpus_per_cell == 1 else 'have'} {have / GIB:,.0f} ({hardware}). Set --gpus-per-cell "
                f"{int(-(-(held.total + CONTEXT_BYTES) // memory))}, or take a card with more memory."
            )
        if held.total + CONTEXT_BYTES > have:
            doubts.append(
                f"{name} may not fit: about {(held.total + CONTEXT_BYTES) / GIB:,.0f} GiB of {have / GIB:,.0f}. A "
                "smaller micro_batch_size or gradient_checkpointing = true in the recipe, or --gpus-per-cell, helps."
            )
    _check_judges(track, memory * gpus_per_cell, gpus_per_cell, hardware)
    return doubts


def _check_judges(track: Track, have: int, gpus_per_cell: int, hardware: str) -> None:
    """Raise CannotRun for a judge whose bfloat16 weights are more than the share of the GPUs that an engine takes.

    It has them to itself: it starts when the engine that answered has ended.
    """
    from suite.cost.judges import judges_too_large, room_for_a_judge

    room = room_for_a_judge(have)
    for task, weights in judges_too_large(track, have):
        raise CannotRun(
            f"Task {task.name} is judged by {task.judge}, whose weights alone need {weights / GIB:,.0f} GiB, and "
            f"an engine takes {room / GIB:,.0f} of {_cards(gpus_per_cell)} here at most ({hardware}). Set "
            f"--gpus-per-cell {int(-(-weights * gpus_per_cell // room))} (the vllm engine splits a judge over "
            "them), or name a smaller judge in a track of your own."
        )


def gpu_memory(hardware: str) -> int | None:
    """Bytes of the smallest GPU in a line such as `NVIDIA H200, 143771 MiB; NVIDIA H200, 143771 MiB`; None for none."""
    found = [int(size) for size in re.findall(r", (\d+) MiB", hardware)]
    return min(found) * 2**20 if found else None


def _held(track: Track, name: str) -> Memory | None:
    from suite.cost.formulas import training_memory
    from suite.cost.shapes import ShapeUnknown, shape_of

    recipe = track.recipe_for(name)
    try:
        shape = shape_of(track.base_model(name))
    except ShapeUnknown:
        return None
    return training_memory(shape, recipe, recipe.micro_batch_size or recipe.batch_size, recipe.max_length)


def _cards(count: int) -> str:
    return "the GPU" if count == 1 else f"{count} GPUs"
