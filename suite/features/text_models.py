"""Embedding texts with pretrained models: hidden states of causal language models, and sentence-transformers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from suite.again_with_half import ShortOfMemory, again_with_half
from suite.errors import FeatureError
from suite.extras import hint
from suite.features.row_spool import resumed, row_spool
from suite.quiet import quiet_libraries
from suite.reporting import Progress

if TYPE_CHECKING:
    import torch

Made = TypeVar("Made")

TOKENS_A_BATCH = {"cpu": 4096, "cuda": 65536}
CHUNK = 1024
SENTENCES = 32
"""Texts a forward pass of sentence-transformers, which is its own default."""
ROWS = "embeddings"


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
    except (OSError, ValueError, KeyError, torch.cuda.OutOfMemoryError) as error:
        raise FeatureError(f"{folder} cannot be loaded as a causal language model: {error}") from error
    return tokenizer, model, torch.device(device)


def embed_with_causal_lm(
    texts: Sequence[str],
    folder: Path,
    *,
    scratch: Path,
    progress: Progress,
    pooling: str = "last",
    max_length: int = 256,
) -> np.ndarray:
    """Hidden states of the last layer (after its final norm) at the last token, or their mean: (n, d), float32.

    Texts are tokenised with the model's own special tokens and truncated to `max_length`; a text without a single
    token is a row of zeros. Texts of like length share a batch, padded on the right: under causal attention what
    stands after a text cannot reach it. Rows are spooled to `scratch`, where a killed computation goes on to the same
    bytes, and mapped from there. Source: Yang et al. (ACL 2025) embed by the last token of 256.
    """
    tokenizer, model, device = load_causal_lm(folder)
    ids = _truncated_ids(tokenizer, texts, max_length)
    batches = list(batches_of_like_length([len(one) for one in ids], TOKENS_A_BATCH[device.type]))
    with row_spool(scratch, _rows_of(model.config.get_text_config().hidden_size), len(texts)) as spool:
        for batch in resumed(batches, spool.done, spool.note, progress, len(texts)):
            spool.write(ROWS, batch, _read(model, [ids[row] for row in batch], pooling, device))
    progress(len(texts), len(texts))
    return spool.arrays()[ROWS]


def _rows_of(width: int) -> dict[str, tuple[int, np.dtype]]:
    return {ROWS: (width, np.dtype(np.float32))}


def _truncated_ids(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[np.ndarray]:
    # As lists, the ids of 400,000 texts would take gigabytes.
    ids: list[np.ndarray] = []
    for start in range(0, len(texts), CHUNK):
        encoded = tokenizer(list(texts[start : start + CHUNK]), truncation=True, max_length=max_length)
        ids.extend(np.asarray(one, dtype=np.int32) for one in encoded["input_ids"])
    return ids


def batches_of_like_length(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Rows in batches of like length, longest first (so that memory shows its peak at once), none of length 0."""
    order = sorted((row for row in range(len(lengths)) if lengths[row]), key=lambda row: (-lengths[row], row))
    start = 0
    while start < len(order):
        size = max(1, tokens // lengths[order[start]])
        yield order[start : start + size]
        start += size


def within_memory(work: Callable[[int], Made], size: int) -> Made:
    """Work on a batch, done again with half of it where memory runs out; FeatureError when it runs out again."""
    try:
        return again_with_half(work, size)
    except ShortOfMemory as error:
        raise FeatureError(
            f"{error} Free memory (who uses a GPU says nvidia-smi), take a machine with more, or a smaller model; what "
            "is finished is kept."
        ) from error


def _read(model: Any, ids: Sequence[np.ndarray], pooling: str, device: torch.device) -> np.ndarray:
    def in_parts(size: int) -> np.ndarray:
        starts = range(0, len(ids), size)
        return np.concatenate([_hidden_states(model, ids[at : at + size], pooling, device) for at in starts])

    return within_memory(in_parts, len(ids))


def _hidden_states(model: Any, ids: Sequence[np.ndarray], pooling: str, device: torch.device) -> np.ndarray:
    import torch

    lengths = torch.tensor([len(one) for one in ids])
    padded = torch.zeros((len(ids), int(lengths.max())), dtype=torch.long)
    for row, one in enumerate(ids):
        padded[row, : len(one)] = torch.from_numpy(one)
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


def _encoded(model: Any, texts: list[str], size: int) -> Any:
    return model.encode(texts, batch_size=size, convert_to_numpy=True, show_progress_bar=False)


def embed_with_sentence_transformers(
    texts: Sequence[str], folder: Path, *, scratch: Path, progress: Progress
) -> np.ndarray:
    """Embed with a sentence-transformers model, its own pooling and truncation: (n, d), float32.

    An empty text is a row of zeros. Rows are spooled to `scratch` as by `embed_with_causal_lm`.
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
    chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]
    width = model.get_sentence_embedding_dimension()
    if width is None:
        raise FeatureError(f"{folder} does not say how wide its embeddings are; take another model.")
    with row_spool(scratch, _rows_of(width), len(texts)) as spool:
        for chunk in resumed(chunks, spool.done, spool.note, progress, len(texts)):
            own = [texts[row] for row in chunk]
            encoded = within_memory(functools.partial(_encoded, model, own), SENTENCES)
            spool.write(ROWS, chunk, np.asarray(encoded, dtype=np.float32))
    progress(len(texts), len(texts))
    return spool.arrays()[ROWS]
