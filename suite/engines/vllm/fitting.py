"""What vLLM has to know of a base model and of adapters before it starts, read from their files alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from suite.engines.adapter_kinds import adapter_config, more_than_lora
from suite.errors import EvaluationError

# The ranks that vLLM prepares room for; an adapter of another rank goes into the next larger one.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_LAYER = re.compile(r"\.\d+\.")


@dataclass(frozen=True)
class BaseFiles:
    """A base model's folder. Raises EvaluationError where it holds no model."""

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "config.json").is_file():
            raise EvaluationError(
                f"There is no model in {self.folder} (no config.json). Prepare it, or check the path."
            )

    @cached_property
    def positions(self) -> int:
        """How many tokens the model can read at once."""
        config = _read_json(self.folder / "config.json")
        for place in (config, config.get("text_config") or {}):
            for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
                if isinstance(place.get(name), int):
                    return int(place[name])
        raise EvaluationError(f"{self.folder}/config.json does not say how many positions the model has.")

    @cached_property
    def matrices(self) -> dict[str, tuple[int, ...]]:
        """Shapes (output, input) of the weights inside layers, by module; empty where they are no safetensors."""
        shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            for name, shape in _shapes(path):
                if name.endswith(".weight") and len(shape) == 2 and _LAYER.search(name):
                    shapes[name.removesuffix(".weight")] = shape
        return shapes

    @property
    def projections(self) -> list[str]:
        """Last names of the modules that adapters may change: every matrix inside a layer, never the output layer."""
        return sorted({name.rpartition(".")[2] for name in self.matrices})


def room_for_rank(rank: int) -> int:
    """The smallest rank that vLLM knows and `rank` fits in. Raises EvaluationError above the largest."""
    for known in RANKS:
        if rank <= known:
            return known
    raise EvaluationError(f"vLLM serves adapters of rank up to {RANKS[-1]}, not {rank}; use the transformers engine.")


def adapter_rank(folder: Path) -> int:
    """The largest rank of an adapter's matrices; 0 for one that is no LoRA, which `check_adapter` refuses.

    Raises EvaluationError for a folder without a readable adapter.
    """
    try:
        config = adapter_config(folder)
        return _largest_rank(config) if config.get("peft_type") == "LORA" else 0
    except (OSError, ValueError, KeyError) as error:
        raise EvaluationError(f"The adapter in {folder} cannot be read ({error}).") from error


def check_adapter(folder: Path, base: BaseFiles, rank: int) -> None:
    """Raise EvaluationError unless the adapter in `folder` is one of this base model, of rank `rank` at most."""
    try:
        reason = _misfit(folder, base, rank)
    except (OSError, ValueError, KeyError) as error:
        reason = f"it cannot be read ({error})"
    if reason:
        raise EvaluationError(f"The adapter in {folder} does not fit this base model: {reason}.")


def _misfit(folder: Path, base: BaseFiles, rank: int) -> str:
    config = adapter_config(folder)
    more = more_than_lora(config)
    if more:
        return f"it {more}"
    if config.get("use_dora") or config.get("modules_to_save"):
        return "it trains whole modules or magnitudes (modules_to_save, use_dora), which vLLM cannot add to a model"
    shapes = dict(_shapes(folder / "adapter_model.safetensors"))
    largest = _largest_rank(config)
    if largest > rank:
        return f"its rank is {largest}, and the engine was started for {rank}"
    halves: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        module, half, _ = name.removeprefix("base_model.model.").partition(".lora_")
        if half:
            halves.setdefault(module, {})[name.rpartition(".lora_")[2][0]] = shape
    if not halves:
        return "it has no weights of LoRA"
    if not base.matrices:
        return ""
    kinds = {module.rpartition(".")[2] for module in halves}
    there = {name for name in base.matrices if name.rpartition(".")[2] in kinds}
    if set(halves) != there:
        return (
            f"it has weights for {len(halves)} layers where this model has {len(there)} of their kinds, "
            f"{len(set(halves) & there)} in common"
        )
    for module, pair in halves.items():
        found = (pair["B"][0], pair["A"][1])
        # GPT-2's layers keep their matrices turned.
        if sorted(found) != sorted(base.matrices[module]):
            return f"{module} is {base.matrices[module]} in the model and {found} in the adapter"
    return ""


def _largest_rank(config: dict[str, Any]) -> int:
    return max([int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())])


def _shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                yield name, tuple(file.get_slice(name).get_shape())
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content
