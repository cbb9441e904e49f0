"""What a machine lacks to run a track: libraries, an engine, a sandbox, GPUs. `breadth doctor` tells it, and a worker
serves nothing that it cannot run.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from suite.errors import EngineError
from suite.extras import MissingExtra, require
from suite.runner.preflight import CannotRun, check_card, check_models, gpu_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.extras import Extra
    from suite.runner.experiment import Experiment
    from suite.track import Track


def lacking(track: Track, hardware: str) -> list[str]:
    """Why this machine cannot run a track, each reason with what to do; empty where it can.

    `hardware` is its line of `suite.machine.hardware`, a cell has one GPU. Nobody is asked: whether its models may be
    had from the Hub is for `check_models`.
    """
    checks: list[Callable[[], object]] = [
        *_libraries(track),
        partial(_check_engine, track, hardware),
        partial(_check_sandbox, track),
        # One by one: each that does not fit is named.
        *(partial(check_card, track, [model.name], hardware) for model in track.base_models),
    ]
    return list(dict.fromkeys(reason for check in checks if (reason := _reason(check))))


def check_here(experiment: Experiment, hardware: str) -> None:
    """Raise CannotRun, with the reasons, for a track that this machine cannot run; asks the Hub about its models.

    Raises TrainingError for a model that is closed to us.
    """
    from suite.runner.cells import Cell

    track = experiment.track
    if reasons := lacking(track, hardware):
        raise CannotRun(f"Track {track.name} cannot run here. {' '.join(reasons)}")
    check_models(experiment, [Cell(track, None, 0, model.name, 0, 0) for model in track.base_models])


def _libraries(track: Track) -> Iterator[Callable[[], object]]:
    wanted: list[tuple[Extra, str]] = [("train", "Fine-tuning")]
    if any(task.kind == "harness" for task in track.evaluation.tasks):
        wanted.append(("eval", "Its evaluation"))
    if track.features.embedder.startswith("sentence-transformers:"):
        wanted.append(("embeddings", "Its embedder"))
    for extra, what in wanted:
        yield partial(require, extra, what)


def _check_engine(track: Track, hardware: str) -> None:
    if track.evaluation.engine == "vllm":
        from suite.engines.vllm.finding import find_vllm

        found = find_vllm()
        if gpu_memory(hardware) is not None:  # that there is no GPU is told of the track itself
            found.check_device()


def _check_sandbox(track: Track) -> None:
    if any(task.kind == "code" for task in track.evaluation.tasks):
        from suite.intake.sandbox.isolation import find_isolation

        find_isolation()


def _reason(check: Callable[[], object]) -> str:
    from suite.intake.sandbox.isolation import SandboxMissing

    try:
        check()
    except (CannotRun, EngineError, MissingExtra, SandboxMissing) as error:
        return str(error)
    return ""
