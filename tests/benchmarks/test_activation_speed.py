"""How much of a plain forward pass's tokens per second is left when activations or embeddings are taken from it.

Both sides read the same samples in the same batches, in CPU time, in turns, in one process, on one thread.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from alternating import compare
from pytest_benchmark.fixture import BenchmarkFixture
from tiny_models import build_tiny_base, tiny_samples

from suite.features.activation_spool import Reader, measure_scale, spool_states
from suite.features.chats import encode_chats
from suite.features.gated_layers import GatedLayers
from suite.features.neuron_states import TopStates
from suite.features.text_models import TOKENS_A_BATCH, batches_of_like_length, embed_with_causal_lm, load_causal_lm
from suite.pool import Pool, pool_from_records
from suite.reporting import no_progress

pytestmark = pytest.mark.benchmark(timer=time.process_time)
SAMPLES = 120
SHARE = 0.85


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 4 layers, hidden size 256."""
    return build_tiny_base(tmp_path_factory.mktemp("bench") / "model", hidden=256, layers=4)


@pytest.fixture(scope="module")
def pool() -> Pool:
    samples = tiny_samples(SAMPLES, seed=8, longest=40)
    return pool_from_records([{"id": one.id, "instruction": one.instruction, "output": one.output} for one in samples])


def plain_pass(model: object, ids: list[np.ndarray]) -> None:
    """Forward passes over the same batches, nothing taken from them."""
    import torch

    for batch in batches_of_like_length([len(one) for one in ids], TOKENS_A_BATCH["cpu"]):
        padded = np.zeros((len(batch), len(ids[batch[0]])), dtype=np.int64)
        for place, row in enumerate(batch):
            padded[place, : len(ids[row])] = ids[row]
        with torch.inference_mode():
            model(input_ids=torch.from_numpy(padded), use_cache=False)  # type: ignore[operator]


@pytest.mark.parametrize("activation", ["gate", "product"])
def test_activations(
    benchmark: BenchmarkFixture, activation: str, model: Path, pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokenizer, loaded, device = load_causal_lm(model)
    chats = encode_chats(pool, tokenizer, template=None, max_length=256)
    ids = np.split(chats.ids.astype(np.int64), chats.offsets[1:-1])
    reader = Reader(GatedLayers(loaded), chats, device, activation, "mean")  # type: ignore[arg-type]
    rows = np.arange(len(pool))
    scale = measure_scale(reader, rows, tmp_path_factory.mktemp("scale"), no_progress)
    states = TopStates(reader.layers.widths, 0.01, scale)

    def ours() -> None:
        spool_states(reader, rows, states, tmp_path_factory.mktemp("scratch"), no_progress)

    compare(benchmark, ours, lambda: plain_pass(loaded, ids), floor=SHARE, rounds=5, peer="the plain forward pass")


def test_embeddings(
    benchmark: BenchmarkFixture, model: Path, pool: Pool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From texts to rows: tokenising and loading the model, which the plain pass is spared, count."""
    texts = list(pool.texts("both"))
    tokenizer, loaded, _ = load_causal_lm(model)
    ids = [np.asarray(one) for one in tokenizer(texts, truncation=True, max_length=256)["input_ids"]]

    def ours() -> None:
        embed_with_causal_lm(texts, model, scratch=tmp_path_factory.mktemp("scratch"), progress=no_progress)

    compare(benchmark, ours, lambda: plain_pass(loaded, ids), floor=SHARE, rounds=5, peer="the plain forward pass")
