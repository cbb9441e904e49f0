"""Bases built in place: the same bytes however they were made, and made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from killed_build import TEXT, TINY

from suite.base_models.build import base_key, ensure_base, weights_sha256
from suite.base_models.packing import Corpus
from suite.errors import StorageError, TrainingError

PROGRAM = Path(__file__).parents[1] / "killed_build.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_base(TINY, TEXT, tmp_path_factory.mktemp("cache"), workers=1)


def test_folder_is_a_hub_model(built: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(built)
    tokenizer = AutoTokenizer.from_pretrained(built)
    assert model.config.vocab_size == len(tokenizer) == TINY.vocabulary
    assert model.config.tie_word_embeddings
    assert (model.config.eos_token_id, model.config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert json.loads((built / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert [path.name for path in built.parent.glob("*.work")] == []


def test_one_worker_and_two_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    other = ensure_base(TINY, TEXT, tmp_path, workers=2)
    assert weights_sha256(other) == weights_sha256(built)
    assert (other / "tokenizer.json").read_bytes() == (built / "tokenizer.json").read_bytes()


def test_a_killed_build_goes_on_to_the_same_bytes(built: Path, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(tmp_path), "1"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert program.stdout is not None
    for line in program.stdout:
        if int(line) == 12:
            break
    program.kill()
    program.wait()
    assert not (tmp_path / base_key(TINY, TEXT)).exists()

    steps: list[int] = []
    finished = ensure_base(TINY, TEXT, tmp_path, workers=1, progress=lambda step, total: steps.append(step))
    assert 12 <= steps[0] < TINY.steps, "it starts from the checkpoint, not from the first step"
    assert weights_sha256(finished) == weights_sha256(built)


def test_two_at_once_build_once(built: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    folders: list[Path] = []

    def build() -> None:
        folders.append(ensure_base(TINY, TEXT, tmp_path, workers=1, progress=lambda step, total: steps.append(step)))

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(steps) == list(range(1, TINY.steps + 1))
    assert folders[0] == folders[1]
    assert weights_sha256(folders[0]) == weights_sha256(built)


def test_key_follows_shape_and_text() -> None:
    assert base_key(TINY, TEXT) == base_key(TINY.model_copy(), TEXT)
    assert base_key(TINY.model_copy(update={"seed": 1}), TEXT) != base_key(TINY, TEXT)
    assert base_key(TINY, Corpus("another", TEXT.texts)) != base_key(TINY, TEXT)


def test_a_corpus_too_small_is_one_clear_error(tmp_path: Path) -> None:
    poor = Corpus("poor", lambda: iter(["red blue"] * 9))
    with pytest.raises(TrainingError, match=r"vocabulary of 26\d entries, not 320"):
        ensure_base(TINY, poor, tmp_path)
    short = Corpus("short", lambda: iter(["a b"]))
    with pytest.raises(TrainingError, match="fewer than one sequence"):
        ensure_base(TINY.model_copy(update={"vocabulary": 259}), short, tmp_path)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError):
        ensure_base(TINY, TEXT, blocked / "cache")


def test_weights_need_a_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="safetensors"):
        weights_sha256(tmp_path)
