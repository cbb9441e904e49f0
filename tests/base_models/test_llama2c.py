"""Real pretrained checkpoints give the ids, losses and text that an independent float64 computation gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from encoding import encode_sample
from llama2c import convert_llama2c

from suite.engines.protocol import GenerationRequest, LikelihoodRequest
from suite.engines.transformers import TransformersEngine
from suite.errors import StorageError
from suite.pool import Sample
from suite.templates import get_template

CHECKPOINTS = ("stories260K", "aidreams260K")


@pytest.fixture(scope="session")
def converted(breadth_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name in CHECKPOINTS:
        source = breadth_data / "models" / name
        folders[name] = tmp_path_factory.mktemp("llama2c") / name
        convert_llama2c(source / f"{name}.bin", source / "tok512.bin", folders[name])
    return folders


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_tokenizer_gives_the_reference_ids_and_text(name: str, converted: dict[str, Path], breadth_data: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted[name])
    for case in _reference(breadth_data, name)["cases"]:
        ids = tokenizer(case["text"])["input_ids"]
        assert ids == case["ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == case["text"]
    unseen = "Zürich, naïve €5\n\ttab"
    assert tokenizer.decode(tokenizer(unseen)["input_ids"], skip_special_tokens=True) == unseen


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_losses_of_every_token(name: str, converted: dict[str, Path], breadth_data: Path) -> None:
    engine = TransformersEngine(converted[name], device="cpu", batch_size=16)
    for case in _reference(breadth_data, name)["cases"]:
        ids = tuple(case["ids"])
        requests = [LikelihoodRequest(ids[:place], (ids[place],)) for place in range(1, len(ids))]
        answers = engine.log_likelihoods([*requests, LikelihoodRequest(ids[:1], ids[1:])])
        found = [-answer.log_likelihood for answer in answers]
        assert found[:-1] == pytest.approx(case["token_nll"], abs=1e-4)
        assert found[-1] == pytest.approx(sum(case["token_nll"]), abs=1e-4 * len(ids))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_greedy_text(name: str, converted: dict[str, Path], breadth_data: Path) -> None:
    from transformers import AutoTokenizer

    greedy = _reference(breadth_data, name)["greedy"]
    prompt, expected = tuple(greedy["prompt_ids"]), greedy["ids"]
    engine = TransformersEngine(converted[name], device="cpu")
    request = GenerationRequest(prompt, len(expected) - len(prompt), (1, 2))
    generated = engine.generate([request])[0]
    assert [*prompt, *generated] == expected
    tokenizer = AutoTokenizer.from_pretrained(converted[name])
    assert tokenizer.decode(expected, skip_special_tokens=True) == greedy["text"]


def test_one_beginning_token_though_the_tokenizer_adds_its_own(converted: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted["stories260K"])
    assert tokenizer("Lily")["input_ids"][0] == tokenizer.bos_token_id
    sample = Sample(id="0", instruction="Name <s> a pet.</s>", input="", output="A cat.", source="s")
    encoded = encode_sample(get_template("alpaca"), tokenizer, sample)
    assert [encoded.input_ids.count(token) for token in (tokenizer.bos_token_id, tokenizer.eos_token_id)] == [1, 1]
    assert encoded.input_ids[0] == tokenizer.bos_token_id
    assert encoded.input_ids[-1] == tokenizer.eos_token_id
    assert encoded.trained[-1]


def test_truncated_checkpoint_is_one_error_and_writes_nothing(breadth_data: Path, tmp_path: Path) -> None:
    source = breadth_data / "models" / "stories260K"
    cut = tmp_path / "cut.bin"
    cut.write_bytes((source / "stories260K.bin").read_bytes()[:-4])
    with pytest.raises(StorageError, match="Download it again"):
        convert_llama2c(cut, source / "tok512.bin", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.bin"]


def _reference(data: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((data / "models" / name / "reference.json").read_text(encoding="utf-8")))
