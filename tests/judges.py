"""Tiny judges: real models with a chat template, whose weights make them write one verdict whatever they are shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def with_chat_template(base: Path, folder: Path, *, context: int = 16384) -> Path:
    """A copy of a tiny base that speaks chatml and may read long prompts; what it writes is rubbish."""
    from transformers import AutoTokenizer

    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = context
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    return folder


def build_judge(base: Path, folder: Path, verdict: str) -> Path:
    """A judge that writes `verdict` on every prompt.

    Its layers add nothing, so the next token follows from the last one alone: the verdict (a token of its own) follows
    the end of a prompt, and the end of a turn follows everything else.
    """
    import torch
    from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

    with_chat_template(base, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([verdict])
    tokenizer.save_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "?"}], tokenize=False, add_generation_prompt=True
    )
    last = tokenizer(prompt, add_special_tokens=False)["input_ids"][-1]
    said, end = tokenizer.convert_tokens_to_ids([verdict, "<|im_end|>"])
    size = len(tokenizer)
    # A width and a head that vLLM can compute with on a processor as well.
    width = -(-size // 64) * 64
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size,
            hidden_size=width,
            intermediate_size=4,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=16384,
            tie_word_embeddings=False,
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight[:, :size] = torch.eye(size)
        model.lm_head.weight[end, :size] = 1.0
        model.lm_head.weight[end, last] = 0.0
        model.lm_head.weight[said, last] = 1.0
    model.save_pretrained(folder)
    GenerationConfig(eos_token_id=[end]).save_pretrained(folder)
    return folder
