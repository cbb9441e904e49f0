"""Which adapters are nothing but LoRA: a product of two matrices beside a layer, gone without a trace when removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite.errors import EvaluationError

PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of init_lora_weights that begin with the base model's weights as they are. Others (PiSSA, OLoRA, CorDA, LoftQ)
take a part out of them, and what was trained belongs to what is left."""


def adapter_config(folder: Path) -> dict[str, Any]:
    """What an adapter says of itself. Raises EvaluationError where there is none, ValueError if damaged."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise EvaluationError(f"There is no adapter in {folder} (no adapter_config.json). Check the path.")
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")
    return content


def more_than_lora(config: dict[str, Any]) -> str:
    """Why an adapter is more than LoRA and what to do, in words for "it ..."; empty for one that is not."""
    merge = "merge it into its base model (peft's merge_and_unload) and evaluate that as a model"
    kind, start, bias = config.get("peft_type"), config.get("init_lora_weights"), config.get("bias") or "none"
    if kind != "LORA":
        return f"is of type {kind}, and only LORA can be added to a base model that others share; {merge}, if it can be"
    if config.get("alora_invocation_tokens"):
        return "is an activated LoRA, which acts on a part of a text alone, and no engine here does that"
    if start not in PLAIN_STARTS:
        return (
            f"was begun with init_lora_weights = {start!r}, which changes the weights of the base model: save it as "
            f"plain LoRA (peft's save_pretrained with path_initial_model_for_weight_conversion), or {merge}"
        )
    if bias != "none":
        return f"trains biases (bias = {bias!r}), which are the base model's own: {merge}"
    return ""
