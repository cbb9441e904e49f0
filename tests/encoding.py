"""One prompt, response or sample at a time, for tests that look at single ones."""

from __future__ import annotations

from typing import Any

from suite.pool import Sample
from suite.templates import Encoded, Template, encode_prompts, encode_responses, encode_samples


def encode_prompt(template: Template, tokenizer: Any, instruction: str, input_text: str = "") -> list[int]:
    """Token ids of a prompt."""
    return encode_prompts(template, tokenizer, [(instruction, input_text)])[0]


def encode_response(template: Template, tokenizer: Any, response: str) -> list[int]:
    """Token ids of a response, its stop token included."""
    return encode_responses(template, tokenizer, [response])[0]


def encode_sample(template: Template, tokenizer: Any, sample: Sample) -> Encoded:
    """Token ids and loss mask of a whole sample, all of its turns."""
    return next(encode_samples(template, tokenizer, [sample]))
