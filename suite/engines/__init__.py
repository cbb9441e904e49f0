"""Engines: what runs a fine-tuned model for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.engines.vllm.engine import VllmSettings

EngineName = Literal["auto", "transformers", "vllm"]
TRANSFORMERS_LIBRARIES = ("peft", "torch", "transformers")


@dataclass(frozen=True)
class EngineFacts:
    """What answers a run's questions, as its results will say: the engine's name and every version.

    `batch_invariant`: its answers do not depend at all on what else is in a batch.
    """

    name: Literal["transformers", "vllm"]
    versions: dict[str, str] = field(hash=False)
    batch_invariant: bool = False

    @classmethod
    def of(cls, name: EngineName) -> EngineFacts:
        """The facts of an engine on this machine, without starting it. Raises EngineError where it is not installed."""
        chosen = chosen_engine(name)
        if chosen == "vllm":
            from suite.engines.vllm.finding import find_vllm

            return cls(chosen, engine_versions(chosen), find_vllm().batch_invariant)
        return cls(chosen, engine_versions(chosen))


def open_engine(
    name: EngineName,
    folder: Path,
    *,
    dtype: Literal["float32", "bfloat16"] = "float32",
    batch_size: int = 64,
    vllm: VllmSettings | None = None,
) -> Engine:
    """Load a base model (or a full fine-tune) into the engine of that name; `vllm` is read by that engine alone.

    Raises EvaluationError for a folder without a model, EngineError for an engine that cannot run here.
    """
    if chosen_engine(name) == "vllm":
        from suite.engines.vllm.engine import VllmEngine, VllmSettings

        return VllmEngine(folder, dtype=dtype, batch_size=batch_size, settings=vllm or VllmSettings())
    from suite.engines.transformers import TransformersEngine

    return TransformersEngine(folder, dtype=dtype, batch_size=batch_size)


def chosen_engine(name: EngineName) -> Literal["transformers", "vllm"]:
    """What `auto` means on this machine: vllm where there is a GPU and a vLLM for it, else transformers."""
    if name != "auto":
        return name
    from suite.engines.vllm.finding import is_there_for_gpus

    return "vllm" if is_there_for_gpus() else "transformers"


def engine_versions(name: EngineName) -> dict[str, str]:
    """The versions that results of this engine will carry, without starting it. Raises EngineError as it would."""
    if chosen_engine(name) == "vllm":
        from suite.engines.vllm.finding import find_vllm

        return dict(find_vllm().versions)
    from suite.hashing import library_versions

    return library_versions(TRANSFORMERS_LIBRARIES)
