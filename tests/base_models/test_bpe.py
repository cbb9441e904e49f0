"""The tokenizer of the embedded world: size, special tokens, and tokens in every frequency band."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from suite.base_models.bpe import BOS, EOS, PAD, train_bpe
from suite.microworld import world

VOCABULARY = 1280


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bpe")
    assert train_bpe(world(1).pretraining_texts(4000), VOCABULARY, folder, 128) == VOCABULARY
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_training_is_deterministic(folder: Path, tmp_path: Path) -> None:
    train_bpe(world(1).pretraining_texts(4000), VOCABULARY, tmp_path, 128)
    assert (tmp_path / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_special_tokens(tokenizer: Any) -> None:
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (BOS, EOS, PAD)
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    assert tokenizer("red blue")["input_ids"] == tokenizer("red blue", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("text", ["What is 3 plus 4?\nnumbers: 3 4", "Größe 七 \t\n", "a  b   c ?!"])
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("view", ["instruction", "response"])
def test_pool_has_tokens_in_every_band(tokenizer: Any, view: str) -> None:
    samples = world(1).pool_samples(12000)
    texts = [s["output"] if view == "response" else f"{s['instruction']}\n{s['input']}" for s in samples]
    counts = Counter(token for ids in tokenizer(texts)["input_ids"] for token in ids)
    middle = [count for count in counts.values() if 10 <= count <= 500]
    assert len(middle) >= 150
    assert sum(count < 10 for count in counts.values()) >= 10
    assert sum(count > 500 for count in counts.values()) >= 10
