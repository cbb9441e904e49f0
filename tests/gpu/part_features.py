"""Share of a plain pass's tokens per second that embeddings, activations, tags and their spools keep."""

from __future__ import annotations

import gc
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from findings import Findings, Setting
from models import base_model, engine_of, pool

from suite.reporting import no_progress

SAMPLES, ROUNDS, LEAST = 6000, 3, ">=0.85"
LENGTH = 256
FORWARD = "plain forward pass"
ENDINGS = 48


def measure(setting: Setting, findings: Findings) -> None:
    """Embeddings from texts to rows, the activations' pass over token ids, and tags from texts to parsed answers."""
    findings.once("embeddings", lambda: _embeddings(setting))
    findings.once("activations", lambda: _activations(setting))
    findings.once("tags", lambda: _tags(setting))


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


def _tags(setting: Setting) -> dict[str, Any]:
    """The tagger, chunk by chunk to its spool, against one call of the same engine that is asked all at once."""
    from suite.engines.protocol import GenerationRequest
    from suite.features.tag_engine import EngineTagger, Model, _Frame, load_model
    from suite.features.tag_spool import tag_pool

    name = engine_of(setting)
    # The transformers engine decodes each batch for as long as its longest answer: a good deal slower.
    texts, most = (4000, 96) if name == "vllm" else (2000, 32)
    asked = pool(setting, texts)
    _free()
    loaded = load_model(base_model(setting), engine=name)
    # Random weights seldom end an answer: with many tokens that do, answers are of many lengths, as real ones are.
    stops = tuple(range(0, loaded.tokenizer.vocab_size if setting.tiny else 32_000, ENDINGS))
    tagger = EngineTagger(lambda: Model(loaded.engine, loaded.tokenizer, stops), "both", most, LENGTH)
    requests = [
        GenerationRequest(prompt, most, stops)
        for prompt in _Frame(loaded.tokenizer, "both").prompts(list(asked.texts("both")), LENGTH)
    ]
    scratch = setting.folder / "scratch"

    def ours() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        tag_pool(asked, "both", tagger, scratch, no_progress, most_failures=1.0)

    # Starting an engine counts for nothing over a whole pool: both sides use the one that is loaded. (A vLLM keeps the
    # prompts it has seen, so that what is compared is mostly writing, where it may run half empty.)
    close, loaded.engine.close = loaded.engine.close, lambda: None
    try:
        answers = [np.asarray(one) for one in loaded.engine.generate(requests)]
        what = f"tags by the {name} engine, prompts and answers included"
        return _compared(what, answers, ours, lambda: loaded.engine.generate(requests), plain_is="plain generation")
    finally:
        close()


def _free() -> None:
    """Give back what earlier measurements left of the card: a vLLM wants nearly all of it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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
    what: str, ids: list[np.ndarray], ours: Callable[[], object], plain: Callable[[], object], plain_is: str = FORWARD
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
            [f"{what}: share of the {plain_is}", theirs / mine, "", LEAST],
            [f"{what}", tokens / mine, "tokens/s", ""],
            [f"the {plain_is} beside it", tokens / theirs, "tokens/s", ""],
        ],
        "seconds": seconds,
    }
