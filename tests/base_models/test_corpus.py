"""The pretraining corpus: what is in it, what is kept out, and its order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.base_models.corpus import corpus_texts
from suite.errors import PoolError
from suite.evaluation.formats import read_items
from suite.pool.loading import open_pool
from suite.sources import fetch
from suite.templates import TEMPLATES
from suite.track import BuiltModel, Source, load_track

RUN = 6


def built(*corpus: Source, **changes: object) -> BuiltModel:
    """A small built model over `corpus`."""
    facts: dict[str, object] = {
        "kind": "built", "name": "small", "text": "corpus", "vocabulary": 300, "hidden": 16, "layers": 1, "heads": 2,
        "kv_heads": 1, "intermediate": 32, "positions": 64, "steps": 1, "batch_size": 1, "sequence_length": 16,
        "learning_rate": 1e-3, "corpus": corpus,
    }  # fmt: skip
    return BuiltModel.model_validate(facts | changes)


@pytest.fixture
def pool_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A parquet pool of 1,300 samples, every tenth with an input, from two sources."""
    rows = [
        {
            "id": f"p/{number}",
            "instruction": f"Ask {number}.",
            "input": f"with {number}" if number % 10 == 0 else "",
            "output": f"Say {number}. ",
            "source": "even" if number % 2 == 0 else "odd",
        }
        for number in range(1300)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pool.parquet")
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    return Source(local="pool.parquet")


def test_every_document_comes_once_in_an_order_of_the_seed(pool_file: Source) -> None:
    model = built(pool_file)
    texts = list(corpus_texts(model))
    assert len(set(texts)) == 1300
    assert {"Ask 10.\nwith 10\nSay 10.", "Ask 11.\nSay 11."} <= set(texts)
    assert texts == list(corpus_texts(model))
    assert texts == list(corpus_texts(built(pool_file, seed=7), seed=0))
    other = list(corpus_texts(model, seed=1))
    assert other != texts
    assert sorted(other) == sorted(texts)
    assert texts[:20] != sorted(texts[:20])


def test_excluded_sources_and_ids_are_left_out(pool_file: Source) -> None:
    texts = list(corpus_texts(built(pool_file, exclude_sources=("even",), exclude_ids=("p/1", "p/3"))))
    assert len(texts) == 648
    assert not any("Ask 1." in text or "Ask 3." in text or "Ask 2." in text for text in texts)


@pytest.mark.parametrize("exclusion", [{"exclude_sources": ("evn",)}, {"exclude_ids": ("p/1300",)}])
def test_an_exclusion_that_names_nothing_is_an_error(pool_file: Source, exclusion: dict[str, object]) -> None:
    with pytest.raises(PoolError, match="mend its name"):
        next(corpus_texts(built(pool_file, **exclusion)))


def test_a_corpus_that_is_missing_or_changed_says_how_to_build_it(
    pool_file: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pool_file.model_copy(update={"sha256": "0" * 64})
    absent = pool_file.model_copy(update={"local": "absent.parquet"})
    for source, words in ((other, "has fingerprint"), (absent, "does not exist")):
        with pytest.raises(PoolError, match=rf"{words}.*suite\.pool\.rebuild"):
            next(corpus_texts(built(source)))
    monkeypatch.delenv("BREADTH_DATA")
    with pytest.raises(PoolError, match=r"not on this machine.*suite\.pool\.rebuild"):
        next(corpus_texts(built(pool_file)))


@pytest.fixture(scope="module")
def real_model() -> BuiltModel:
    """The base model of the alpaca-cpu track."""
    model = load_track("alpaca-cpu").base_models[0]
    assert isinstance(model, BuiltModel)
    return model


def test_the_real_corpus_shares_no_pool_with_alpaca(real_model: BuiltModel) -> None:
    files = {source.local for source in real_model.corpus}
    assert not any(name in file for file in files for name in ("alpaca-52k", "alpaca-gpt4", "open-117k", "seeds"))
    assert all(source.sha256 for source in real_model.corpus)
    assert "flan-cot/ecqa" in real_model.exclude_sources


def test_no_prompt_of_pool_or_evaluation_stands_in_the_real_corpus(
    breadth_data: Path, monkeypatch: pytest.MonkeyPatch, real_model: BuiltModel
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    # The code and role-play pools, where every verbatim repeat but a few was found, and a tenth of what is left.
    small = [source for source in real_model.corpus if "t0-" not in source.local and "flan" not in source.local]
    ids = tuple(name for name in real_model.exclude_ids if not name.startswith(("t0-", "flan")))
    texts = list(corpus_texts(built(*small, exclude_ids=ids)))
    large = corpus_texts(real_model)
    texts += [text for text, _ in zip(large, range(9000), strict=False)]
    prompts = {words(prompt) for prompt in prompts_to_keep_out(breadth_data)}
    starts: dict[str, list[str]] = {}
    for prompt in prompts:
        if prompt.count(" ") >= RUN - 1:
            starts.setdefault(" ".join(prompt.split()[:RUN]), []).append(f" {prompt} ")
    assert len(starts) > 20_000
    assert found(["Tell me: " + next(iter(starts)) + " and more"], {next(iter(starts)): [next(iter(starts))]})
    assert found(texts, starts) == []
    assert not any("### Response" in text or "### Instruction" in text for text in texts)
    assert "### Response" in TEMPLATES["alpaca"].user


def prompts_to_keep_out(data: Path) -> Iterator[str]:
    """Instructions of the pool, alone and with their inputs, and every prompt of the track's tasks."""
    track = load_track("alpaca-cpu")
    for sample in open_pool(data / "pools" / "alpaca-52k.parquet").samples():
        yield sample.instruction
        yield sample.prompt
    for task in track.evaluation.tasks:
        assert task.data is not None
        for item in read_items(fetch(task.data, notify=lambda message: None), task.format):
            yield item.instruction
            yield f"{item.instruction} {item.input}"


def words(text: str) -> str:
    """Lower-cased words, punctuation ignored."""
    return " ".join(re.findall(r"\w+", text.lower()))


def found(texts: list[str], starts: dict[str, list[str]]) -> list[str]:
    """The prompts that stand in a text as a run of whole words."""
    hits = []
    for text in texts:
        plain = words(text).split()
        joined = f" {' '.join(plain)} "
        for position in range(len(plain) - RUN + 1):
            candidates = starts.get(" ".join(plain[position : position + RUN]), ())
            hits += [prompt for prompt in candidates if prompt in joined]
    return hits
