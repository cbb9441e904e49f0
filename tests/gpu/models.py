"""Models with random weights and texts for them: a machine with a GPU may reach nothing to download from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from findings import Setting
from tiny_models import build_tiny_base, tiny_samples

from suite.pool import Pool, Sample, pool_from_records
from suite.track import Lora, Recipe

# Llama-3.2-1B's layers, with a vocabulary as small as the texts need.
LARGE = {"hidden": 2048, "layers": 16, "heads": 32, "kv_heads": 8, "intermediate": 8192}


def base_model(setting: Setting) -> Path:
    """The folder of the model that is measured, built on first use."""
    folder = setting.folder / ("tiny-model" if setting.tiny else "model")
    if not (folder / "ready").is_file():
        build_tiny_base(folder)
        if not setting.tiny:
            _enlarge(folder)
        (folder / "ready").touch()
    return folder


def engine_of(setting: Setting) -> str:
    """The engine that is measured: vllm where it can be had for a GPU, else transformers."""
    from suite.engines import chosen_engine

    return "transformers" if setting.device == "cpu" else chosen_engine("auto")


def _enlarge(folder: Path) -> None:
    """Put a model of a billion parameters beside the tiny one's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=LARGE["hidden"],
        intermediate_size=LARGE["intermediate"],
        num_hidden_layers=LARGE["layers"],
        num_attention_heads=LARGE["heads"],
        num_key_value_heads=LARGE["kv_heads"],
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


def samples(setting: Setting, count: int, seed: int = 1) -> tuple[Sample, ...]:
    """Samples of random syllables, up to 150 words long on a GPU."""
    return tiny_samples(count if not setting.tiny else min(count, 40), seed=seed, longest=8 if setting.tiny else 150)


def pool(setting: Setting, count: int) -> Pool:
    """A pool of such samples."""
    return pool_from_records(
        [
            {"id": one.id, "instruction": one.instruction, "input": one.input, "output": one.output}
            for one in samples(setting, count)
        ]
    )


def recipe(setting: Setting, method: str, **changes: Any) -> Recipe:
    """The recipe that is measured: batches of 32 in micro-batches of 8, up to 1,024 tokens."""
    fields: dict[str, Any] = {
        "method": method,
        "template": "plain",
        "epochs": 1,
        "learning_rate": 1e-5,
        "batch_size": 8 if setting.tiny else 32,
        "micro_batch_size": 4 if setting.tiny else 8,
        "max_length": 64 if setting.tiny else 1024,
        "dtype": setting.dtype,
        "gradient_checkpointing": False,
        "lora": Lora(rank=16, alpha=32) if method == "lora" else None,
    }
    return Recipe(**(fields | changes))


def environment(setting: Setting) -> dict[str, str]:
    """The environment of a process of its own: on a processor it sees no GPU."""
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if setting.device == "cpu" else {}
    return {**os.environ, **hidden}
