"""Samples as a selector model reads them: one conversation each, as token ids, and which of them are the response's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import FeatureError, TrainingError
from suite.templates import TEMPLATES, Template, encode_samples, get_template, in_own_template

if TYPE_CHECKING:
    from suite.pool import Pool, Sample

PLAIN = "plain"
CHUNK = 512
RESPONSE = "\ue000"


@dataclass(frozen=True)
class Chats:
    """Token ids of n conversations, end to end: sample i holds `ids[offsets[i]:offsets[i + 1]]`.

    `ids` is uint32 and `response` bool, shape (tokens,); `offsets` is int64, shape (n + 1,).
    """

    ids: np.ndarray
    response: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sample, shape (n,), int64."""
        return np.diff(self.offsets)

    @property
    def response_lengths(self) -> np.ndarray:
        """Response tokens of each sample, shape (n,), int64."""
        before = np.concatenate([[0], np.cumsum(self.response)])
        return before[self.offsets[1:]] - before[self.offsets[:-1]]


def encode_chats(pool: Pool, tokenizer: Any, *, template: str | None, max_length: int) -> Chats:
    """Every sample in the model's own chat template where the tokenizer has one and `template` is None.

    Otherwise in the named template of `suite.templates` (`plain` for None). Prompts and responses are tokenised apart;
    the response's tokens are those of its text, without what ends it. Cut after `max_length` tokens. A response
    without a word has no token. Raises FeatureError when the tokenizer cannot write a sample so.
    """
    own = template is None and bool(getattr(tokenizer, "chat_template", None))
    form = get_template(template or PLAIN)
    parts: list[np.ndarray] = []
    marks: list[np.ndarray] = []
    lengths = [0]
    stream = pool.samples()
    while samples := list(islice(stream, CHUNK)):
        encoded = _in_own_template(tokenizer, samples) if own else _in_named_template(form, tokenizer, samples)
        for sample, (ids, trained) in zip(samples, encoded, strict=True):
            parts.append(np.asarray(ids[:max_length], dtype=np.uint32))
            answered = bool(sample.response.strip())
            marks.append(np.asarray(trained[:max_length], dtype=np.bool_) & answered)
            lengths.append(len(parts[-1]))
    return Chats(np.concatenate(parts), np.concatenate(marks), np.cumsum(lengths))


def _in_named_template(
    form: Template, tokenizer: Any, samples: Sequence[Sample]
) -> Iterator[tuple[list[int], list[bool]]]:
    try:
        for encoded in encode_samples(form, tokenizer, samples):
            trained = encoded.trained
            # The last of each run of trained tokens is the stop token.
            following = [*trained[1:], False]
            yield encoded.input_ids, [one and other for one, other in zip(trained, following, strict=True)]
    except TrainingError as error:
        raise FeatureError(
            f"This model has no chat template, and template {form.name!r} does not fit: {error}"
        ) from error


def _in_own_template(tokenizer: Any, samples: Sequence[Sample]) -> Iterator[tuple[list[int], list[bool]]]:
    conversations = [_pieces(tokenizer, sample) for sample in samples]
    prompts = iter(_ids(tokenizer, [prompt for pairs in conversations for prompt, _ in pairs], markers=True))
    responses = iter(_ids(tokenizer, [text for pairs in conversations for _, text in pairs], markers=False))
    for pairs in conversations:
        ids: list[int] = []
        trained: list[bool] = []
        for _ in pairs:
            prompt, response = next(prompts), next(responses)
            ids += [*prompt, *response]
            trained += [False] * len(prompt) + [True] * len(response)
        yield ids, trained


def _pieces(tokenizer: Any, sample: Sample) -> list[tuple[str, str]]:
    """(text before a response, response) for each turn: the chat is rendered with marks in place of responses."""
    turns = _turns(sample)
    messages = [message for asked, _ in turns for message in (_message("user", asked), _message("assistant", RESPONSE))]
    try:
        rendered = in_own_template(tokenizer, messages) if messages else ""
    except Exception as error:  # a template is a program of the model's maker and may raise anything
        raise FeatureError(f"The model's chat template cannot write sample {sample.id!r}: {error}") from error
    before = rendered.split(RESPONSE)
    if len(before) != len(turns) + 1:
        raise FeatureError(
            f"The model's chat template does not keep the responses of sample {sample.id!r} apart; name a template "
            f"instead: {', '.join(sorted(TEMPLATES))}."
        )
    return [(prompt, response) for prompt, (_, response) in zip(before, turns, strict=False)]


def _turns(sample: Sample) -> list[tuple[str, str]]:
    """(question, answer) pairs, as templates have them: questions in a row are one, an answer to nothing is dropped."""
    if not sample.turns:
        return [(sample.prompt.replace(RESPONSE, ""), sample.output)]
    pairs: list[tuple[str, str]] = []
    asked: list[str] = []
    for role, text in sample.turns:
        if role != "assistant":
            asked.append(text.replace(RESPONSE, ""))
        elif asked:
            pairs.append(("\n".join(asked), text))
            asked = []
    return pairs


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _ids(tokenizer: Any, texts: list[str], *, markers: bool) -> list[list[int]]:
    if not texts:
        return []
    encoded = tokenizer(
        texts,
        add_special_tokens=False,
        return_attention_mask=False,
        split_special_tokens=not markers,
        verbose=False,
    )
    return list(encoded["input_ids"])
