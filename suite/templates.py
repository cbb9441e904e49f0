"""Chat templates: how a sample becomes token ids, for training and evaluation alike.

Prompts and responses are tokenised apart and joined as ids, so the loss mask is exact by construction and the
ids of a prompt at evaluation are those it had in training. Exactly one beginning-of-sequence token stands first
(when the tokenizer has one); after every response stands the stop token, which is trained.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from suite.errors import TrainingError, UnknownNameError

if TYPE_CHECKING:
    from suite.pool import Sample

DAY = date(2024, 7, 26)
"""The day on which every chat is written: the one that templates of models fall back to."""


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
        return "".join(self.pieces(instruction, input_text))

    def pieces(self, instruction: str, input_text: str = "", *, first: bool = True) -> list[str]:
        """A prompt as text, marker, text, ...: markers of the template stand at odd places.

        Apart, so that a marker (or `</s>`) written inside a sample stays text and never becomes a special token.
        """
        opening = self.system + (self.user_with_input if input_text else self.user)
        form = opening if first else self.follow_up
        return [
            part if place % 2 else _filled(part, instruction, input_text)
            for place, part in enumerate(re.split(r"(<\|\w+\|>)", form))
        ]

    def turns(self, sample: Sample) -> list[tuple[list[str], str]]:
        """The conversation as (prompt pieces, response text) pairs; a turn without an answer is left out."""
        if not sample.turns:
            return [(self.pieces(sample.instruction, sample.input), sample.output)]
        pairs: list[tuple[list[str], str]] = []
        asked: list[str] = []
        for role, text in sample.turns:
            if role != "assistant":
                asked.append(text)
            elif asked:
                pairs.append((self.pieces("\n".join(asked), first=not pairs), text))
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
        return _marker_id(template, tokenizer, template.stop)
    if tokenizer.eos_token_id is None:
        raise TrainingError(
            "The tokenizer has no end-of-sequence token; set one, or choose a template with a stop token."
        )
    return int(tokenizer.eos_token_id)


def encode_samples(
    template: Template, tokenizer: Any, samples: Iterable[Sample], batch_size: int = 512
) -> Iterator[Encoded]:
    """Token ids and loss masks of whole samples, all of their turns, in order; the tokenizer is called once a batch."""
    beginning, stop = _beginning(tokenizer), stop_token_id(template, tokenizer)
    source = iter(samples)
    while batch := list(itertools.islice(source, batch_size)):
        conversations = [template.turns(sample) for sample in batch]
        prompts = iter(_joined(template, tokenizer, [pieces for pairs in conversations for pieces, _ in pairs]))
        responses = iter(
            _ids(tokenizer, [template.before_response + text for pairs in conversations for _, text in pairs])
        )
        for pairs in conversations:
            ids, trained = list(beginning), [False] * len(beginning)
            for _ in pairs:
                prompt, response = next(prompts), next(responses)
                ids += [*prompt, *response, stop]
                trained += [False] * len(prompt) + [True] * (len(response) + 1)
            yield Encoded(ids, trained)


def encode_prompts(template: Template, tokenizer: Any, questions: Iterable[tuple[str, str]]) -> list[list[int]]:
    """Token ids of prompts, from (instruction, input) pairs, with exactly one beginning-of-sequence token each."""
    beginning = _beginning(tokenizer)
    pieces = [template.pieces(instruction, input_text) for instruction, input_text in questions]
    return [beginning + ids for ids in _joined(template, tokenizer, pieces)]


def encode_follow_ups(
    template: Template, tokenizer: Any, conversations: Iterable[tuple[str, str, str]]
) -> list[list[int]]:
    """Prompts of a second turn, from (first instruction, response to it, second instruction): as they are trained."""
    told = list(conversations)
    opened = encode_prompts(template, tokenizer, [(first, "") for first, _, _ in told])
    answered = encode_responses(template, tokenizer, [response for _, response, _ in told])
    asked = _joined(template, tokenizer, [template.pieces(second, first=False) for _, _, second in told])
    return [[*one, *two, *three] for one, two, three in zip(opened, answered, asked, strict=True)]


def encode_responses(
    template: Template, tokenizer: Any, responses: Iterable[str], stop: bool = True
) -> list[list[int]]:
    """`encode_response` over many responses, with one call of the tokenizer; `stop` False leaves the stop token out."""
    ending = [stop_token_id(template, tokenizer)] if stop else []
    return [ids + ending for ids in _ids(tokenizer, [template.before_response + text for text in responses])]


def decode_response(template: Template, tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of generated ids up to the first stop token, outer white space removed."""
    stop = stop_token_id(template, tokenizer)
    kept = list(ids)
    if stop in kept:
        kept = kept[: kept.index(stop)]
    return str(tokenizer.decode(kept, skip_special_tokens=True)).strip()


def in_own_template(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, ask: bool = False) -> str:
    """A conversation (`role` and `content` a message) in the chat template that a model brings along, as text.

    `ask` adds what begins an answer. Many templates write today's date, by a variable or by a function: here it is
    always DAY, so that a feature, a tag or a verdict is the same over night. Raises what the template raises, which is
    a program of the model's maker.
    """
    return str(
        tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=False,
            add_generation_prompt=ask,
            date_string=DAY.strftime("%d %b %Y"),
            strftime_now=DAY.strftime,
        )
    )


def _beginning(tokenizer: Any) -> list[int]:
    return [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]


def _marker_id(template: Template, tokenizer: Any, marker: str) -> int:
    identifier = tokenizer.convert_tokens_to_ids(marker)
    if identifier is not None and identifier != tokenizer.unk_token_id:
        return int(identifier)
    raise TrainingError(
        f"Template {template.name!r} needs {marker!r}, which this tokenizer does not hold as one token. "
        "Choose another template in the recipe."
    )


def _joined(template: Template, tokenizer: Any, prompts: list[list[str]]) -> list[list[int]]:
    texts = iter(_ids(tokenizer, [text for pieces in prompts for text in pieces[::2]]))
    markers = {marker: _marker_id(template, tokenizer, marker) for pieces in prompts for marker in pieces[1::2]}
    joined = []
    for pieces in prompts:
        ids: list[int] = []
        for place, piece in enumerate(pieces):
            ids += [markers[piece]] if place % 2 else next(texts)
        joined.append(ids)
    return joined


def _ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    if not texts:
        return []
    batch = tokenizer(
        texts, add_special_tokens=False, return_attention_mask=False, split_special_tokens=True, verbose=False
    )
    return list(batch["input_ids"])


def _filled(form: str, instruction: str, input_text: str) -> str:
    # Not str.format: instructions are strangers' text and may hold braces of their own.
    values = {"{instruction}": instruction, "{input}": input_text}
    return re.sub(r"\{instruction\}|\{input\}", lambda place: values[place[0]], form)
