"""Tokens: ragged lists under any tokenizer, equal to what the tokenizer says of each text."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from suite.errors import FeatureError
from suite.features import TokenLists, Tokens, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records

TEXTS = ["one two three", "Straße, 日本語 and 🙂!", "", "a\nb\tc  d", "x" * 3000]


@pytest.fixture
def pool() -> Pool:
    return pool_from_records([{"id": str(i), "instruction": "ask", "output": text} for i, text in enumerate(TEXTS)])


def tokens_of(pool: Pool, tokenizer: str, folder: Path, view: str = "response") -> TokenLists:
    feature = Tokens(view=view)  # type: ignore[arg-type]
    track = TrackContext("test", len(pool), tokenizer=tokenizer)
    return compute_features([feature], pool, track, FeatureStore(folder)).features[feature]


def test_a_folder_of_the_hub_format(pool: Pool, tiny_base: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    found = tokens_of(pool, str(tiny_base), tmp_path)
    expected = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    assert [ids.tolist() for ids in found] == expected
    assert found.lengths.tolist() == [len(ids) for ids in expected]
    assert found.ids.dtype == np.uint32
    assert found.offsets.dtype == np.int64
    assert len(found) == len(TEXTS)


def test_a_bare_sentencepiece_file(pool: Pool, breadth_data: Path, tmp_path: Path) -> None:
    import sentencepiece

    file = breadth_data / "models" / "llama2-tokenizer" / "tokenizer.model"
    processor = sentencepiece.SentencePieceProcessor(model_file=str(file))
    found = tokens_of(pool, str(file), tmp_path)
    assert [ids.tolist() for ids in found] == [processor.encode(text) for text in TEXTS]
    as_folder = tokens_of(pool, str(file.parent), tmp_path)
    assert np.array_equal(as_folder.ids, found.ids)


def test_words(tmp_path: Path) -> None:
    pool = pool_from_records([{"id": "0", "output": "The cat, the CAT"}, {"id": "1", "output": "a cat!"}])
    feature = Tokens(view="response", tokenizer="words")
    track = TrackContext("test", 2)
    found = compute_features([feature], pool, track, FeatureStore(tmp_path)).features[feature]
    assert [ids.tolist() for ids in found] == [[0, 1, 2, 0, 1], [3, 1, 4]]


def test_the_key_follows_the_tokenizers_content_and_not_its_place(pool: Pool, tiny_base: Path, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    moved = tmp_path / "moved"
    shutil.copytree(tiny_base, moved)
    key = store.key(Tokens(tokenizer=str(tiny_base)), pool)
    assert store.key(Tokens(tokenizer=str(moved)), pool) == key
    with (moved / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert FeatureStore(tmp_path / "store").key(Tokens(tokenizer=str(moved)), pool) != key


def test_what_is_no_tokenizer(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="names no base model"):
        tokens_of(pool, "", tmp_path / "store")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeatureError, match="holds no tokenizer"):
        tokens_of(pool, str(tmp_path / "empty"), tmp_path / "store")
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(FeatureError, match="no sentencepiece model"):
        tokens_of(pool, str(tmp_path / "tokenizer.model"), tmp_path / "store")
    with pytest.raises(FeatureError, match="neither a folder here nor a Hub repository"):
        tokens_of(pool, "nobody/nothing-of-that-name", tmp_path / "store")
