"""Conversations are written in the model's own chat template, and exactly the response's tokens are marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_samples

from suite.errors import FeatureError
from suite.features.chats import Chats, encode_chats
from suite.pool import Pool, pool_from_records

LLAMA_LIKE = (
    "{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ date_string }}{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content | trim }}<|im_end|>{% endfor %}"
)
RECORDS = [
    {"id": sample.id, "instruction": sample.instruction, "input": sample.input, "output": sample.output}
    for sample in tiny_samples(9, seed=2)
]
CONVERSATION = {
    "id": "talk",
    "turns": [("user", "bam"), ("user", "ban"), ("assistant", "first"), ("user", "more"), ("assistant", "second")],
}


@pytest.fixture
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


def parts(chats: Chats, tokenizer: Any, row: int) -> tuple[str, str]:
    """The whole text of a sample and the text that is marked."""
    place = slice(*chats.offsets[row : row + 2])
    ids, marked = chats.ids[place], chats.response[place]
    return tokenizer.decode(ids), tokenizer.decode(ids[marked])


def test_a_named_template_without_its_stop_token(tokenizer: Any) -> None:
    pool = pool_from_records(RECORDS)
    for template in (None, "plain", "alpaca"):
        chats = encode_chats(pool, tokenizer, template=template, max_length=256)
        for row, sample in enumerate(pool.samples()):
            whole, marked = parts(chats, tokenizer, row)
            assert marked.strip() == sample.output
            assert sample.instruction in whole
            assert ("### Response:" in whole) == (template == "alpaca")
    assert chats.response_lengths.sum() == chats.response.sum()


def test_the_models_own_template(tokenizer: Any) -> None:
    tokenizer.chat_template = LLAMA_LIKE
    pool = talk_and_records()
    chats = encode_chats(pool, tokenizer, template=None, max_length=256)
    whole, marked = parts(chats, tokenizer, 0)
    assert marked == "firstsecond"
    assert whole.count("<|im_start|>") == 4
    assert "bam\nban" in whole
    assert "26 Jul 2024" in whole
    for row, sample in list(enumerate(pool.samples()))[1:]:
        whole, marked = parts(chats, tokenizer, row)
        assert marked == sample.output
        assert sample.prompt in whole
        assert whole.startswith(tokenizer.bos_token)
        assert not whole.startswith(2 * tokenizer.bos_token)


def test_the_date_is_that_of_every_day_however_a_template_asks_for_it(tokenizer: Any) -> None:
    """Activations read these ids: those of one pool must not change over night."""
    tokenizer.chat_template = LLAMA_LIKE.replace("if not date_string is defined", "if true")
    chats = encode_chats(talk_and_records(), tokenizer, template=None, max_length=256)
    assert "26 Jul 2024" in parts(chats, tokenizer, 0)[0]


def talk_and_records() -> Pool:
    return pool_from_records([CONVERSATION, *RECORDS])


def test_turns_in_a_named_template(tokenizer: Any) -> None:
    chats = encode_chats(talk_and_records(), tokenizer, template="plain", max_length=256)
    assert parts(chats, tokenizer, 0)[1].split() == ["first", "second"]


def test_truncation_takes_the_end_away(tokenizer: Any) -> None:
    pool = pool_from_records(RECORDS)
    whole = encode_chats(pool, tokenizer, template=None, max_length=256)
    cut = encode_chats(pool, tokenizer, template=None, max_length=12)
    assert cut.lengths.tolist() == [min(length, 12) for length in whole.lengths]
    assert (cut.response_lengths <= whole.response_lengths).all()
    for row in range(len(pool)):
        assert cut.ids[cut.offsets[row]] == whole.ids[whole.offsets[row]]


@pytest.mark.parametrize("template", [None, "plain"])
@pytest.mark.parametrize("own", [None, LLAMA_LIKE])
def test_an_empty_response_marks_nothing(tokenizer: Any, template: str | None, own: str | None) -> None:
    tokenizer.chat_template = own
    pool = pool_from_records([{"id": "0", "instruction": "bam", "output": ""}, RECORDS[0]])
    lengths = encode_chats(pool, tokenizer, template=template, max_length=99).response_lengths
    assert lengths[0] == 0
    assert lengths[1] > 0


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{{ raise_exception('no such talk') }}", "cannot write sample '0': no such talk"),
        ("{{ messages[0].content }}", "does not keep the responses of sample '0' apart"),
    ],
)
def test_templates_that_cannot(tokenizer: Any, form: str, message: str) -> None:
    tokenizer.chat_template = form
    with pytest.raises(FeatureError, match=message):
        encode_chats(pool_from_records(RECORDS), tokenizer, template=None, max_length=99)


def test_a_tokenizer_without_an_end_says_so(tokenizer: Any) -> None:
    tokenizer.eos_token = None
    with pytest.raises(FeatureError, match="no end-of-sequence token"):
        encode_chats(pool_from_records(RECORDS), tokenizer, template=None, max_length=99)
