"""Chat templates: how a sample becomes token ids, for training and evaluation alike.

Prompts and responses are tokenised apart and joined as ids, so the loss mask is exact by construction and the
ids of a prompt at evaluation are those it had in training. Exactly one beginning-of-sequence token stands first
(when the tokenizer has one); after every response stands the stop token, which is trained.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suite.errors import TrainingError, UnknownNameError

if TYPE_CHECKING:
    from suite.pool import Sample


@dataclass(frozen=True)
class Template:
    """Texts around the parts of a conversation.

    `user` and `user_with_input` hold the places `{instruction}` and `{input}`; `follow_up` is for later user
    turns. `before_response` is the first trained text; `stop` overrides the end-of-sequence token.
    """

    name: str
    user: str
    user_with_input: str
    follow_up: str
    system: str = ""
    before_response: str = ""
    stop: str = ""

    def prompt(self, instruction: str, input_text: str = "") -> str:
        """The text before the first response."""
        return self.system + _filled(self.user_with_input if input_text else self.user, instruction, input_text)

    def turns(self, sample: Sample) -> list[tuple[str, str]]:
        """The conversation as (prompt text, response text) pairs; a turn without an answer is left out."""
        if not sample.turns:
            return [(self.prompt(sample.instruction, sample.input), sample.output)]
        pairs: list[tuple[str, str]] = []
        asked: list[str] = []
        for role, text in sample.turns:
            if role != "assistant":
                asked.append(text)
            elif asked:
                question = "\n".join(asked)
                pairs.append((_filled(self.follow_up, question, "") if pairs else self.prompt(question), text))
                asked = []
        return pairs


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            name="plain",
            user="{instruction}\n=>",
            user_with_input="{instruction}\n{input}\n=>",
            follow_up="\n{instruction}\n=>",
            before_response=" ",
        ),
        Template(
            name="alpaca",
            user="### Instruction:\n{instruction}\n\n### Response:\n",
            user_with_input="### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
            follow_up="\n\n### Instruction:\n{instruction}\n\n### Response:\n",
        ),
        Template(
            name="vicuna",
            system="A chat between a curious user and an artificial intelligence assistant. ",
            user="USER: {instruction} ASSISTANT: ",
            user_with_input="USER: {instruction}\n{input} ASSISTANT: ",
            follow_up="USER: {instruction} ASSISTANT: ",
        ),
        Template(
            name="chatml",
            user="<|im_start|>user\n{instruction}<|im_end|>\n<|im_start|>assistant\n",
            user_with_input="<|im_start|>user\n{instruction}\n{input}<|im_end|>\n<|im_start|>assistant\n",
            follow_up="\n<|im_start|>user\n{instruction}<|im_end|>\n<|im_start|>assistant\n",
            stop="<|im_end|>",
        ),
    )
}


@dataclass(frozen=True)
class Encoded:
    """Token ids of one sample, and for each whether it is trained (response and stop tokens)."""

    input_ids: list[int]
    trained: list[bool]


def get_template(name: str) -> Template:
    """The template of that name."""
    if name not in TEMPLATES:
        raise UnknownNameError("template", name, TEMPLATES)
    return TEMPLATES[name]


def stop_token_id(template: Template, tokenizer: Any) -> int:
    """The id that ends a response; TrainingError when the tokenizer has no such token."""
    if template.stop:
        identifier = tokenizer.convert_tokens_to_ids(template.stop)
        if identifier is not None and identifier != tokenizer.unk_token_id:
            return int(identifier)
        raise TrainingError(
            f"Template {template.name!r} stops with {template.stop!r}, no single token of this tokenizer. "
            "Choose another template in the recipe."
        )
    if tokenizer.eos_token_id is None:
        raise TrainingError(
            "The tokenizer has no end-of-sequence token; set one, or choose a template with a stop token."
        )
    return int(tokenizer.eos_token_id)


def encode_prompt(template: Template, tokenizer: Any, instruction: str, input_text: str = "") -> list[int]:
    """Token ids of a prompt, with exactly one beginning-of-sequence token."""
    return _beginning(tokenizer) + _ids(tokenizer, template.prompt(instruction, input_text))


def encode_response(template: Template, tokenizer: Any, response: str) -> list[int]:
    """Token ids of a response, its stop token included."""
    return [*_ids(tokenizer, template.before_response + response), stop_token_id(template, tokenizer)]


def encode_sample(template: Template, tokenizer: Any, sample: Sample) -> Encoded:
    """Token ids and loss mask of a whole sample, all of its turns."""
    ids = _beginning(tokenizer)
    trained = [False] * len(ids)
    for prompt, response in template.turns(sample):
        for part, learn in (
            (_ids(tokenizer, prompt), False),
            (encode_response(template, tokenizer, response), True),
        ):
            ids.extend(part)
            trained.extend([learn] * len(part))
    return Encoded(ids, trained)


def decode_response(template: Template, tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of generated ids up to the first stop token, outer white space removed."""
    stop = stop_token_id(template, tokenizer)
    kept = list(ids)
    if stop in kept:
        kept = kept[: kept.index(stop)]
    return str(tokenizer.decode(kept, skip_special_tokens=True)).strip()


def _beginning(tokenizer: Any) -> list[int]:
    return [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _filled(form: str, instruction: str, input_text: str) -> str:
    # Not str.format: instructions are strangers' text and may hold braces of their own.
    values = {"{instruction}": instruction, "{input}": input_text}
    return re.sub(r"\{instruction\}|\{input\}", lambda place: values[place[0]], form)
