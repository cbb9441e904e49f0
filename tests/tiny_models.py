"""A tiny random Llama with a real byte-level BPE, and samples in its language: real folders, built in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from suite.pool import Sample
from suite.track import Lora, Recipe

SYLLABLES = [f"{first}{vowel}{last}" for first in "bdfgk" for vowel in "aeiou" for last in "mnr"]


def build_tiny_base(folder: Path, *, hidden: int = 32, layers: int = 2, seed: int = 0) -> Path:
    """Save a random Llama and its tokenizer (with chatml's markers) into `folder`."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from suite.base_models.bpe import train_bpe

    texts = [f"{sample.instruction}\n### Response: {sample.output}" for sample in tiny_samples(200, seed=9)]
    train_bpe(texts, 400, folder, 256)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        # Larger than usual, so that a random model has opinions and greedy ties do not happen.
        initializer_range=0.2,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def tiny_samples(count: int, *, seed: int = 0, longest: int = 8) -> tuple[Sample, ...]:
    """Samples of random syllables, of different lengths, half of them with an input."""
    rng = np.random.default_rng(seed)

    def words() -> str:
        return " ".join(rng.choice(SYLLABLES, int(rng.integers(1, longest + 1))))

    return tuple(
        Sample(
            id=str(index),
            instruction=words(),
            input=words() if index % 2 else "",
            output=words(),
            source="tiny",
        )
        for index in range(count)
    )


def tiny_recipe(method: str = "lora", **changes: Any) -> Recipe:
    """A recipe of one small epoch; `changes` are fields of Recipe."""
    fields: dict[str, Any] = {
        "method": method,
        "template": "plain",
        "epochs": 1,
        "learning_rate": 1e-2,
        "batch_size": 8,
        "max_length": 64,
        "lora": Lora(rank=4, alpha=8) if method == "lora" else None,
    }
    return Recipe(**(fields | changes))


def save_adapters(base: Path, folder: Path, count: int, *, rank: int = 4, target_modules: Any = None) -> list[Path]:
    """Save `count` random adapters of a base into `folder`, each of which changes what the base says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    made = []
    for number in range(count):
        with torch.random.fork_rng():
            torch.manual_seed(number)
            modules = target_modules or ["q_proj", "v_proj"]
            config = LoraConfig(r=rank, target_modules=modules, init_lora_weights=False)
            get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder / str(number))
        made.append(folder / str(number))
    return made
