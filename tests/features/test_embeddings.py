"""Embeddings: unit rows from each embedder, deterministic, and equal to what the model itself says of one text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import killed_embeddings
import numpy as np
import pytest
from short_memory import memory_for

from suite.errors import FeatureError, UnknownNameError
from suite.features import Embeddings, TrackContext, text_models
from suite.features.embeddings import parse_embedder, unit_rows
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records

SUBJECTS = ["a red fox in the snow", "the price of grain", "a proof by induction", "how to bake bread at home"]


def pool_of(texts: list[str]) -> Pool:
    return pool_from_records([{"id": str(i), "instruction": text, "output": "."} for i, text in enumerate(texts)])


def embed(pool: Pool, folder: Path, embedder: str, dimensions: int | None = None) -> np.ndarray:
    feature = Embeddings(view="instruction", embedder=embedder, dimensions=dimensions)
    found = compute_features([feature], pool, TrackContext("test", len(pool)), FeatureStore(folder))
    return np.asarray(found.features[feature])


def test_tfidf_gives_unit_rows_that_know_what_is_alike(tmp_path: Path) -> None:
    texts = [f"{subject} part {number}" for subject in SUBJECTS for number in range(10)]
    rows = embed(pool_of(texts), tmp_path / "one", "tfidf-svd", dimensions=8)
    assert rows.shape == (40, 8)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(40), abs=1e-6)
    cosine = rows @ rows.T
    same = np.equal.outer(np.arange(40) // 10, np.arange(40) // 10)
    assert cosine[same].min() > cosine[~same].max()
    assert np.array_equal(rows, embed(pool_of(texts), tmp_path / "two", "tfidf-svd", dimensions=8))


def test_tfidf_dimensions_are_bounded_by_the_pool(tmp_path: Path) -> None:
    assert embed(pool_of(SUBJECTS), tmp_path, "tfidf-svd").shape == (4, 4)
    assert embed(pool_of(["word"]), tmp_path, "tfidf-svd").tolist() == [[1.0]]


@pytest.mark.parametrize("empty", ["", " \n", "?!"])
def test_texts_without_a_term_share_a_direction_of_their_own(tmp_path: Path, empty: str) -> None:
    rows = embed(pool_of([*SUBJECTS, empty, empty]), tmp_path, "tfidf-svd")
    cosine = rows @ rows.T
    assert cosine[4, 5] == pytest.approx(1.0)
    assert cosine[4, :4] == pytest.approx(np.zeros(4))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(6), abs=1e-6)


def test_a_pool_without_any_term(tmp_path: Path) -> None:
    rows = embed(pool_of(["!", "?"]), tmp_path, "tfidf-svd")
    assert rows @ rows.T == pytest.approx(np.ones((2, 2)))


def test_unit_rows_refuse_what_is_no_number() -> None:
    with pytest.raises(FeatureError, match="row 1"):
        unit_rows(np.asarray([[1.0, 2.0], [np.nan, 1.0]]))


def test_a_killed_process_goes_on_to_the_same_bytes(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = Path(killed_embeddings.__file__).parent
    program = subprocess.Popen(
        [sys.executable, str(killed_embeddings.__file__), str(tiny_base), str(tmp_path / "killed")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])},
    )
    assert program.stdout is not None
    for line in program.stdout:
        if int(line) > killed_embeddings.SAMPLES // 2:
            break
    program.kill()
    program.wait()
    monkeypatch.setitem(text_models.TOKENS_A_BATCH, "cpu", 200)
    pool, feature = killed_embeddings.pool(), killed_embeddings.feature(tiny_base)
    context, done = TrackContext("test", len(pool)), list[int]()
    store = FeatureStore(tmp_path / "killed")
    resumed = store.ensure(feature, pool, context, lambda _: lambda now, _: done.append(now))
    assert 0 < done[0] < len(pool), "it goes on from what was finished"
    whole = FeatureStore(tmp_path / "whole").ensure(feature, pool, context)
    assert np.array_equal(np.asarray(whole.arrays["embeddings"]), np.asarray(resumed.arrays["embeddings"]))
    assert not list((tmp_path / "killed").glob("*.scratch"))


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_causal_lm_equals_the_model_on_one_text_at_a_time(tiny_base: Path, tmp_path: Path, pooling: str) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = [*SUBJECTS, "a", "a rather longer text about nothing at all " * 3, "b " * 200]
    rows = embed(pool_of(texts), tmp_path, f"causal-lm:{tiny_base}?pooling={pooling}&max_length=24")
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_base), AutoModel.from_pretrained(tiny_base).eval()
    for row, text in zip(rows, texts, strict=True):
        ids = tokenizer(text)["input_ids"][:24]
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([ids])).last_hidden_state[0].float().numpy()
        expected = states[-1] if pooling == "last" else states.mean(axis=0)
        assert row == pytest.approx(expected / np.linalg.norm(expected), abs=2e-5)


def test_short_of_memory_texts_are_read_in_halves_and_then_it_is_an_error(tiny_base: Path, tmp_path: Path) -> None:
    pool = pool_of([f"{subject} {number}" for number in range(4) for subject in SUBJECTS])
    whole = embed(pool, tmp_path / "whole", f"causal-lm:{tiny_base}")
    with memory_for(rows=len(pool) - 1) as tried:
        halved = embed(pool, tmp_path / "halved", f"causal-lm:{tiny_base}")
    assert tried == [len(pool), len(pool) // 2, len(pool) // 2]
    np.testing.assert_allclose(halved, whole, atol=1e-5)
    short = r"This machine ran out of memory with \d+ rows at once, and again with \d+\. Free memory"
    with memory_for(rows=2), pytest.raises(FeatureError, match=short):
        embed(pool, tmp_path / "short", f"causal-lm:{tiny_base}")


def test_sentence_transformers_equals_the_model_itself(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    folder = tiny_sentence_transformer(tmp_path / "model")
    from sentence_transformers import SentenceTransformer

    rows = embed(pool_of([*SUBJECTS, ""]), tmp_path / "store", f"sentence-transformers:{folder}")
    expected = SentenceTransformer(str(folder), device="cpu").encode(SUBJECTS, normalize_embeddings=True)
    assert rows[:4, :-1] == pytest.approx(expected, abs=1e-5)
    assert rows[4].tolist() == [0.0] * expected.shape[1] + [1.0]


def tiny_sentence_transformer(folder: Path) -> Path:
    """A random BERT of one layer with mean pooling, saved as sentence-transformers saves them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    words = sorted({word for subject in SUBJECTS for word in subject.split()})
    bert = folder.with_name("bert")
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizer(str(bert / "vocab.txt")).save_pretrained(bert)
    config = BertConfig(
        vocab_size=len(words) + 5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(bert)
    transformer = Transformer(str(bert))
    SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu").save(str(folder))
    return folder


def test_the_tracks_embedder_is_the_default(tmp_path: Path) -> None:
    track = TrackContext("test", 4, embedder="tfidf-svd?dimensions=3")
    feature = Embeddings(view="instruction")
    found = compute_features([feature], pool_of(SUBJECTS), track, FeatureStore(tmp_path))
    assert found.features[feature].shape == (4, 3)
    asked = Embeddings(view="instruction", dimensions=2)
    assert asked.resolve(track).dimensions == 2


def test_a_models_content_is_in_the_key(tiny_base: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_base, copy)
    pool, store = pool_of(SUBJECTS), FeatureStore(tmp_path / "store")
    key = store.key(Embeddings(embedder=f"causal-lm:{tiny_base}"), pool)
    assert store.key(Embeddings(embedder=f"causal-lm:{copy}"), pool) == key
    weights = next(copy.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert FeatureStore(tmp_path / "store").key(Embeddings(embedder=f"causal-lm:{copy}"), pool) != key


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("causal-lm", "needs a model"),
        ("tfidf-svd:model", "takes no model"),
        ("causal-lm:x?pool=last", "no option 'pool'"),
        ("causal-lm:x?pooling=first", "pooling=last or pooling=mean"),
        ("causal-lm:x?max_length=many", "no number"),
        ("causal-lm:x?max_length=0", "at least 1"),
    ],
)
def test_embedders_written_wrong(written: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        parse_embedder(written)


def test_an_unknown_embedder_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'tfidf-svd'"):
        parse_embedder("tfidf-sdv")


def test_dimensions_belong_to_embedders_without_a_model(tiny_base: Path) -> None:
    track = TrackContext("test", 4, embedder=f"causal-lm:{tiny_base}")
    with pytest.raises(FeatureError, match="belongs to tfidf-svd"):
        Embeddings(dimensions=8).resolve(track)
    with pytest.raises(FeatureError, match="at least 1 dimension"):
        Embeddings(embedder="tfidf-svd", dimensions=-1).resolve(track)
