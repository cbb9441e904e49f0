"""Logits at chosen positions only: on a small model the output matrix is a third of all work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Architectures whose logits are the output matrix times the hidden state, with no scaling or capping after it.
PLAIN_HEADS = ("llama", "mistral", "qwen2", "qwen3")


def has_plain_head(model: Any) -> bool:
    """Whether the output matrix may be applied to hidden states directly."""
    return model.config.model_type in PLAIN_HEADS


def logits_at(model: Any, wanted: torch.Tensor, **inputs: Any) -> torch.Tensor:
    """Logits of a causal model at the last `wanted.shape[1]` positions where `wanted` (rows, width) is true.

    Shape (wanted positions in row order, vocabulary), the model's dtype.
    """
    width = wanted.shape[1]
    if has_plain_head(model):
        hidden = model.base_model(**inputs).last_hidden_state[:, -width:]
        logits: torch.Tensor = model.get_output_embeddings()(hidden[wanted.to(hidden.device)])
        return logits
    kept: torch.Tensor = model(**inputs, logits_to_keep=width).logits[:, -width:]
    return kept[wanted]
