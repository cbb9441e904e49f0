"""Masks, token by token, on every template: prompts never train, responses and their stop tokens always do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from encoding import encode_prompt, encode_response, encode_sample
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import TrainingError, UnknownNameError
from suite.pool import Sample
from suite.templates import (
    TEMPLATES,
    Template,
    decode_response,
    encode_samples,
    get_template,
    in_own_template,
    stop_token_id,
)

SINGLE = Sample(
    id="0", instruction="name a {input} colour", input="warm {instruction}", output=" deep red ", source="s"
)
CONVERSATION = Sample(
    id="1",
    instruction="",
    input="",
    output="",
    source="s",
    turns=(
        ("user", "bam ben"),
        ("assistant", "dar"),
        ("user", "fin"),
        ("user", "gor"),
        ("assistant", "kum ben"),
        ("user", "left without an answer"),
    ),
)


@pytest.fixture(scope="session")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_single_turn_mask(name: str, tokenizer: Any) -> None:
    template = TEMPLATES[name]
    encoded = encode_sample(template, tokenizer, SINGLE)
    stop = stop_token_id(template, tokenizer)
    first = encoded.trained.index(True)

    assert encoded.input_ids[0] == tokenizer.bos_token_id
    assert encoded.input_ids.count(tokenizer.bos_token_id) == 1
    # One block of prompt, then one block of response; the last token is the stop token, and it is trained.
    assert encoded.trained == [False] * first + [True] * (len(encoded.trained) - first)
    assert encoded.input_ids[-1] == stop
    assert encoded.input_ids.count(stop) == 1 + template.user.count(template.stop or "\0")
    assert tokenizer.decode(encoded.input_ids[1:first]) == template.prompt(SINGLE.instruction, SINGLE.input)
    assert tokenizer.decode(encoded.input_ids[first:-1]) == template.before_response + SINGLE.output


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_turn_of_a_conversation(name: str, tokenizer: Any) -> None:
    template = TEMPLATES[name]
    encoded = encode_sample(template, tokenizer, CONVERSATION)
    stop = stop_token_id(template, tokenizer)
    blocks = _blocks(encoded.trained)

    assert [trained for trained, _, _ in blocks] == [False, True, False, True]
    assert encoded.input_ids.count(tokenizer.bos_token_id) == 1
    texts = [tokenizer.decode(encoded.input_ids[start:end]) for _, start, end in blocks]
    ending = template.stop or tokenizer.eos_token
    assert texts[0] == tokenizer.bos_token + template.prompt("bam ben")
    assert texts[1] == f"{template.before_response}dar{ending}"
    assert texts[2] == template.follow_up.format(instruction="fin\ngor")
    assert texts[3] == f"{template.before_response}kum ben{ending}"
    assert all(encoded.input_ids[end - 1] == stop for trained, _, end in blocks if trained)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_prompt_and_response_at_evaluation_are_those_of_training(name: str, tokenizer: Any) -> None:
    template = TEMPLATES[name]
    prompt = encode_prompt(template, tokenizer, SINGLE.instruction, SINGLE.input)
    response = encode_response(template, tokenizer, SINGLE.output)
    assert prompt + response == encode_sample(template, tokenizer, SINGLE).input_ids
    assert decode_response(template, tokenizer, [*response, *prompt]) == SINGLE.output.strip()


@given(text=st.text(max_size=40))
def test_special_tokens_written_in_a_sample_stay_text(text: str, tokenizer: Any) -> None:
    sample = Sample(id="0", instruction=f"{text}<|bos|><|im_end|>", input="", output=f"<|eos|>{text}", source="s")
    for template in TEMPLATES.values():
        encoded = encode_sample(template, tokenizer, sample)
        stop = stop_token_id(template, tokenizer)
        assert encoded.input_ids.count(tokenizer.bos_token_id) == 1
        trained = [token for token, learn in zip(encoded.input_ids, encoded.trained, strict=True) if learn]
        assert trained.index(stop) == len(trained) - 1


def test_batches_give_the_same_as_one_by_one(tokenizer: Any) -> None:
    samples = [SINGLE, CONVERSATION, SINGLE]
    for template in TEMPLATES.values():
        together = list(encode_samples(template, tokenizer, samples, batch_size=2))
        assert together == [encode_sample(template, tokenizer, sample) for sample in samples]


def test_tokenizer_without_a_beginning_token(tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    bare = AutoTokenizer.from_pretrained(tiny_base, bos_token=None)
    encoded = encode_sample(TEMPLATES["alpaca"], bare, SINGLE)
    assert bare.decode(encoded.input_ids).startswith("### Instruction:")


def test_missing_stop_token_is_one_clear_error(tiny_base: Path) -> None:
    from transformers import AutoTokenizer

    endless = AutoTokenizer.from_pretrained(tiny_base, eos_token=None)
    with pytest.raises(TrainingError, match="no end-of-sequence token"):
        encode_sample(TEMPLATES["alpaca"], endless, SINGLE)
    marker = Template(name="odd", user="{instruction}", user_with_input="", follow_up="", stop="<|nowhere|>")
    with pytest.raises(TrainingError, match=r"needs '<\|nowhere\|>'"):
        encode_sample(marker, endless, SINGLE)


def test_unknown_template_names_the_near_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'alpaca'"):
        get_template("alpacca")


@pytest.mark.parametrize(
    "written",
    [
        "{{ strftime_now('%d %b %Y') }}",
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        "{{ date_string }}",
        "{% macro day() %}{{ strftime_now('%d %b %Y') }}{% endmacro %}{{ day() }}",
    ],
)
def test_a_models_own_template_writes_the_same_day_every_day(tiny_base: Path, written: str) -> None:
    """The judge, the tagger and the activations write chats with this; each of their tests has such a template."""
    from transformers import AutoTokenizer

    own = AutoTokenizer.from_pretrained(tiny_base)
    own.chat_template = (
        written + "{% for m in messages %}|{{ m.role }}: {{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}|assistant:{% endif %}"
    )
    message = {"role": "user", "content": "bam"}
    assert in_own_template(own, [message]) == "26 Jul 2024|user: bam"
    assert in_own_template(own, [message], ask=True) == "26 Jul 2024|user: bam|assistant:"


def _blocks(mask: list[bool]) -> list[tuple[bool, int, int]]:
    edges = [0, *(place for place in range(1, len(mask)) if mask[place] != mask[place - 1]), len(mask)]
    return [(mask[start], start, end) for start, end in pairwise(edges)]
