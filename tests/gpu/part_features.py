"""Share of a plain forward pass's tokens per second that embeddings, activations and their spools keep."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from findings import Findings, Setting
from models import base_model, pool

from suite.reporting import no_progress

SAMPLES, ROUNDS, LEAST = 6000, 3, ">=0.85"
LENGTH = 256


def measure(setting: Setting, findings: Findings) -> None:
    """Embeddings from texts to rows, and the activations' pass over token ids."""
    findings.once("embeddings", lambda: _embeddings(setting))
    findings.once("activations", lambda: _activations(setting))


def _embeddings(setting: Setting) -> dict[str, Any]:
    from suite.features import text_models

    model = base_model(setting)
    texts = list(pool(setting, SAMPLES).texts("both"))
    tokenizer, loaded, device = text_models.load_causal_lm(model)
    ids = [np.asarray(one) for one in tokenizer(texts, truncation=True, max_length=LENGTH)["input_ids"]]
    scratch = setting.folder / "scratch"

    def ours() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        text_models.embed_with_causal_lm(texts, model, scratch=scratch, progress=no_progress, max_length=LENGTH)

    # Over 400,000 samples loading counts for nothing, over these it would: both sides use the model that is loaded.
    load, text_models.load_causal_lm = text_models.load_causal_lm, lambda folder: (tokenizer, loaded, device)
    try:
        return _compared("embeddings, tokenising included", ids, ours, lambda: _plain(loaded, ids, device))
    finally:
        text_models.load_causal_lm = load


def _activations(setting: Setting) -> dict[str, Any]:
    from suite.features.activation_spool import Reader, measure_scale, spool_states
    from suite.features.chats import encode_chats
    from suite.features.gated_layers import GatedLayers
    from suite.features.neuron_states import TopStates
    from suite.features.text_models import load_causal_lm

    samples = pool(setting, SAMPLES)
    tokenizer, loaded, device = load_causal_lm(base_model(setting))
    chats = encode_chats(samples, tokenizer, template=None, max_length=LENGTH)
    ids = np.split(chats.ids.astype(np.int64), chats.offsets[1:-1])
    reader = Reader(GatedLayers(loaded), chats, device, "gate", "mean")
    rows = np.arange(len(samples))
    scratch = setting.folder / "scratch"

    def fresh() -> Path:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        return scratch

    scale = measure_scale(reader, rows[:512], fresh(), no_progress)
    states = TopStates(reader.layers.widths, 0.01, scale)
    return _compared(
        "activations (gate, mean, top 1 %)",
        ids,
        lambda: spool_states(reader, rows, states, fresh(), no_progress),
        lambda: _plain(loaded, ids, device),
    )


def _plain(model: Any, ids: list[np.ndarray], device: Any) -> None:
    """Forward passes over the same batches, nothing taken from them."""
    import torch

    from suite.features.text_models import TOKENS_A_BATCH, batches_of_like_length

    for batch in batches_of_like_length([len(one) for one in ids], TOKENS_A_BATCH[device.type]):
        padded = np.zeros((len(batch), len(ids[batch[0]])), dtype=np.int64)
        for place, row in enumerate(batch):
            padded[place, : len(ids[row])] = ids[row]
        with torch.inference_mode():
            model(input_ids=torch.from_numpy(padded).to(device), use_cache=False)
    if device.type == "cuda":
        torch.cuda.synchronize()


def _compared(
    what: str, ids: list[np.ndarray], ours: Callable[[], object], plain: Callable[[], object]
) -> dict[str, Any]:
    """Median seconds of both, in turns after a round to warm up."""
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for turn in range(ROUNDS + 1):
        for name, work in (("ours", ours), ("plain", plain)):
            started = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    tokens = sum(map(len, ids))
    mine, theirs = statistics.median(seconds["ours"]), statistics.median(seconds["plain"])
    return {
        "rows": [
            [f"{what}: share of the plain forward pass", theirs / mine, "", LEAST],
            [f"{what}", tokens / mine, "tokens/s", ""],
            ["the plain forward pass beside it", tokens / theirs, "tokens/s", ""],
        ],
        "seconds": seconds,
    }
