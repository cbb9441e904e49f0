"""Rows: what is cut, what is dropped, and that both are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from encoding import encode_sample
from tiny_models import tiny_samples

from suite.errors import TrainingError
from suite.pool import Sample
from suite.templates import get_template
from suite.training.rows import IGNORED, encode_rows

PLAIN = get_template("plain")


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


def test_labels_are_the_ids_where_trained(tokenizer: Any) -> None:
    samples = tiny_samples(5)
    rows = encode_rows(PLAIN, tokenizer, samples, max_length=256)
    dataset = rows.dataset()
    assert (len(rows), rows.read, rows.dropped) == (5, 5, 0)
    for row, sample in zip(dataset, samples, strict=True):
        encoded = encode_sample(PLAIN, tokenizer, sample)
        assert row["input_ids"] == encoded.input_ids
        expected = [
            token if trained else IGNORED for token, trained in zip(encoded.input_ids, encoded.trained, strict=True)
        ]
        assert row["labels"] == expected


def test_truncation_drops_what_trains_nothing_and_counts_it(tokenizer: Any) -> None:
    short = Sample(id="a", instruction="bam", input="", output="ben", source="s")
    long_prompt = Sample(id="b", instruction="bam " * 60, input="", output="ben", source="s")
    long_response = Sample(id="c", instruction="bam", input="", output="ben " * 60, source="s")
    rows = encode_rows(PLAIN, tokenizer, [short, long_prompt, long_response], max_length=32)
    kept = rows.dataset()["input_ids"][:]
    assert (rows.read, rows.dropped) == (3, 1)
    assert kept[0] == encode_sample(PLAIN, tokenizer, short).input_ids
    assert kept[1] == encode_sample(PLAIN, tokenizer, long_response).input_ids[:32]


def test_a_row_whose_response_starts_at_the_cut_is_dropped(tokenizer: Any) -> None:
    sample = tiny_samples(1)[0]
    prompt = encode_sample(PLAIN, tokenizer, sample).trained.index(True)
    assert encode_rows(PLAIN, tokenizer, [sample], max_length=prompt + 1).dropped == 0
    with pytest.raises(TrainingError, match=f"max_length = {prompt}"):
        encode_rows(PLAIN, tokenizer, [sample], max_length=prompt)


def test_empty_selection_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(TrainingError, match="selection is empty"):
        encode_rows(PLAIN, tokenizer, [], max_length=32)
