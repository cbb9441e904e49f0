"""Adapters that are more than LoRA are refused with what to do, by both engines, and the base stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest

from suite.engines.protocol import LikelihoodRequest
from suite.engines.transformers import TransformersEngine
from suite.engines.vllm.fitting import BaseFiles, check_adapter
from suite.errors import EvaluationError

ASKED = [LikelihoodRequest((0, 5, 6, 7), (8, 9))]
LORA: dict[str, Any] = {"r": 4, "target_modules": ["q_proj", "v_proj"]}
MERGE = "merge it into its base model"
KINDS = {
    "prompt tuning": (
        peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
        f"of type PROMPT_TUNING.*{MERGE}",
    ),
    "pissa": (
        peft.LoraConfig(init_lora_weights="pissa", **LORA),
        rf"'pissa', which changes the weights of the base model: save it as plain LoRA .*, or {MERGE}",
    ),
    "olora": (peft.LoraConfig(init_lora_weights="olora", **LORA), "'olora', which changes"),
    "biases": (peft.LoraConfig(bias="all", **LORA), f"trains biases .*{MERGE}"),
    "activated": (
        peft.LoraConfig(task_type="CAUSAL_LM", alora_invocation_tokens=[5], **LORA),
        "an activated LoRA",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_more_than_lora_is_refused_and_leaves_no_trace(kind: str, tiny_base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    config, reason = KINDS[kind]
    folder = tmp_path / "adapter"
    peft.get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base), config).save_pretrained(folder)
    engine = TransformersEngine(tiny_base, device="cpu")
    before = engine.log_likelihoods(ASKED)
    with pytest.raises(EvaluationError, match=reason):
        engine.add_adapter("other", folder)
    assert engine.log_likelihoods(ASKED) == before
    with pytest.raises(EvaluationError, match="not loaded"):
        engine.log_likelihoods([LikelihoodRequest((0, 5), (6,), adapter="other")])
    with pytest.raises(EvaluationError, match=reason):
        check_adapter(folder, BaseFiles(tiny_base), 8)
