"""Embedding texts with pretrained models: hidden states of causal language models, and sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import FeatureError
from suite.extras import hint
from suite.quiet import quiet_libraries
from suite.reporting import Progress

if TYPE_CHECKING:
    import torch

TOKENS_A_BATCH = {"cpu": 4096, "cuda": 65536}
CHUNK = 1024


def device_name() -> str:
    """Where models run and in what precision: values differ between them, so it is part of a feature's key."""
    import torch

    return "cuda-bfloat16" if torch.cuda.is_available() else "cpu-float32"


def load_causal_lm(folder: Path) -> tuple[Any, Any, torch.device]:
    """The tokenizer and the body (no language-model head) of a causal language model, ready to read, and its device.

    Raises FeatureError when the folder holds no such model.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    device, _, dtype = device_name().partition("-")
    try:
        with quiet_libraries():
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device).eval()
    except (OSError, ValueError, KeyError) as error:
        raise FeatureError(f"{folder} cannot be loaded as a causal language model: {error}") from error
    return tokenizer, model, torch.device(device)


def embed_with_causal_lm(
    texts: Sequence[str], folder: Path, *, progress: Progress, pooling: str = "last", max_length: int = 256
) -> np.ndarray:
    """Hidden states of the last layer (after its final norm) at the last token, or their mean: (n, d), float32.

    Texts are tokenised with the model's own special tokens and truncated to `max_length`; a text without a single
    token is a row of zeros. Texts of like length share a batch, padded on the right: under causal attention what
    stands after a text cannot reach it. Source: Yang et al. (ACL 2025) embed by the last token of 256.
    """
    tokenizer, model, device = load_causal_lm(folder)
    ids = _truncated_ids(tokenizer, texts, max_length)
    rows = np.zeros((len(texts), model.config.get_text_config().hidden_size), dtype=np.float32)
    done = 0
    for batch in batches_of_like_length([len(one) for one in ids], TOKENS_A_BATCH[device.type]):
        rows[batch] = _hidden_states(model, [ids[row] for row in batch], pooling, device)
        done += len(batch)
        progress(done, len(texts))
    progress(len(texts), len(texts))
    return rows


def _truncated_ids(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[list[int]]:
    ids: list[list[int]] = []
    for start in range(0, len(texts), CHUNK):
        encoded = tokenizer(list(texts[start : start + CHUNK]), truncation=True, max_length=max_length)
        ids.extend(encoded["input_ids"])
    return ids


def batches_of_like_length(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Rows in batches of like length, longest first (so that memory shows its peak at once), none of length 0."""
    order = sorted((row for row in range(len(lengths)) if lengths[row]), key=lambda row: (-lengths[row], row))
    start = 0
    while start < len(order):
        size = max(1, tokens // lengths[order[start]])
        yield order[start : start + size]
        start += size


def _hidden_states(model: Any, ids: Sequence[Sequence[int]], pooling: str, device: torch.device) -> np.ndarray:
    import torch

    lengths = torch.tensor([len(one) for one in ids])
    padded = torch.zeros((len(ids), int(lengths.max())), dtype=torch.long)
    for row, one in enumerate(ids):
        padded[row, : len(one)] = torch.tensor(one)
    mask = torch.arange(padded.shape[1])[None, :] < lengths[:, None]
    with torch.inference_mode():
        read = model(input_ids=padded.to(device), attention_mask=mask.long().to(device), use_cache=False)
        states = read.last_hidden_state.float()
        if pooling == "last":
            pooled = states[torch.arange(len(ids)), (lengths - 1).to(device)]
        else:
            weights = mask.to(device).float()[:, :, None]
            pooled = (states * weights).sum(1) / weights.sum(1)
    return np.asarray(pooled.cpu().numpy(), dtype=np.float32)


def embed_with_sentence_transformers(texts: Sequence[str], folder: Path, *, progress: Progress) -> np.ndarray:
    """Embed with a sentence-transformers model, its own pooling and truncation: (n, d), float32.

    An empty text is a row of zeros.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise FeatureError(f"This embedder needs sentence-transformers: {hint('embeddings')}.") from error
    device, _, dtype = device_name().partition("-")
    try:
        model = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": dtype})
    except (OSError, ValueError, KeyError) as error:
        raise FeatureError(f"{folder} cannot be loaded as a sentence-transformers model: {error}") from error
    order = sorted((row for row in range(len(texts)) if texts[row].strip()), key=lambda row: (-len(texts[row]), row))
    parts = []
    for start in range(0, len(order), CHUNK):
        chunk = [texts[row] for row in order[start : start + CHUNK]]
        parts.append(np.asarray(model.encode(chunk, convert_to_numpy=True, show_progress_bar=False), dtype=np.float32))
        progress(start, len(texts))
    progress(len(texts), len(texts))
    if not parts:
        return np.zeros((len(texts), 1), dtype=np.float32)
    rows = np.zeros((len(texts), parts[0].shape[1]), dtype=np.float32)
    rows[order] = np.concatenate(parts)
    return rows
