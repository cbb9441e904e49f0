"""The tagger that asks a language model, through the engine protocol: greedy decoding, strict JSON answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.engines import EngineName, chosen_engine, engine_versions, open_engine
from suite.engines.protocol import GenerationRequest
from suite.errors import FeatureError
from suite.features.tag_prompt import parse_answer, prompt_parts
from suite.features.tag_spool import Read, Tagged
from suite.hashing import library_versions
from suite.pool.pool import View
from suite.templates import in_own_template

if TYPE_CHECKING:
    from suite.engines.protocol import Engine

MAX_NEW_TOKENS = 384
MAX_TEXT_TOKENS = 1024
# Tokens of the prompt around a text, at most.
MAX_FRAME_TOKENS = 1024
MOST_CHUNKS = 4
"""Chunks in one call of vLLM, which fills its batch anew until a call's last answers: they run half empty."""
LIBRARIES = ("snowballstemmer", "tokenizers", "torch", "transformers", "vllm")


@dataclass(frozen=True)
class Model:
    """A loaded tagging model: its engine, its tokenizer, and the tokens that end an answer."""

    engine: Engine
    tokenizer: Any
    stop_ids: tuple[int, ...]


@dataclass(frozen=True)
class EngineTagger:
    """Asks a model for the tags of each text's first `max_text_tokens` tokens.

    `load` gives the model when there is something to ask. A blank text is not asked and has no tag.
    """

    load: Callable[[], Model]
    view: View
    max_new_tokens: int = MAX_NEW_TOKENS
    max_text_tokens: int = MAX_TEXT_TOKENS

    def tag(self, chunks: Sequence[int], read: Read) -> Iterator[tuple[int, list[Tagged]]]:
        """Chunks in order, of vLLM several a call; a run that is killed loses those of the call in hand."""
        model = self.load()
        try:
            frame = _Frame(model.tokenizer, self.view)
            for numbers in _calls(chunks, MOST_CHUNKS if model.engine.name == "vllm" else 1):
                texts = [read(number) for number in numbers]
                answers = iter(self._answers(model, frame, list(chain.from_iterable(texts))))
                for number, own in zip(numbers, texts, strict=True):
                    yield number, list(islice(answers, len(own)))
        finally:
            model.engine.close()

    def _answers(self, model: Model, frame: _Frame, texts: list[str]) -> list[Tagged]:
        asked = [place for place, text in enumerate(texts) if text.strip()]
        requests = [
            GenerationRequest(prompt, self.max_new_tokens, model.stop_ids)
            for prompt in frame.prompts([texts[place] for place in asked], self.max_text_tokens)
        ]
        answers = [Tagged()] * len(texts)
        for place, ids in zip(asked, model.engine.generate(requests), strict=True):
            answers[place] = parse_answer(model.tokenizer.decode(ids, skip_special_tokens=True).strip())
        return answers


def _calls(chunks: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """Chunks by the call: one, two, four, up to `most`, so that a model that cannot tag is found out soon."""
    start, size = 0, 1
    while start < len(chunks):
        yield chunks[start : start + size]
        start, size = start + size, min(2 * size, most)


class _Frame:
    """The prompt around a text as token ids: in the model's chat template where it has one, else as plain text.

    The text is tokenised apart, so that a special token written inside it stays text.
    """

    def __init__(self, tokenizer: Any, view: View) -> None:
        self.tokenizer = tokenizer
        before, after = prompt_parts(view)
        if getattr(tokenizer, "chat_template", None):
            message = [{"role": "user", "content": f"{before}{_PLACE}{after}"}]
            written = in_own_template(tokenizer, message, ask=True)
            if written.count(_PLACE) != 1:
                raise FeatureError("The tagging model's chat template does not show the message once; take another.")
            before, _, after = written.partition(_PLACE)
            self.before, self.after = self._ids(before), self._ids(after)
        else:
            beginning = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
            self.before, self.after = [*beginning, *self._ids(before)], self._ids(after)

    def prompts(self, texts: Sequence[str], most: int) -> list[tuple[int, ...]]:
        """The prompt of each text, cut to its first `most` tokens."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False, verbose=False
        )
        return [(*self.before, *ids[:most], *self.after) for ids in encoded["input_ids"]]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}text\N{OBJECT REPLACEMENT CHARACTER}"


def libraries(engine: EngineName) -> dict[str, str]:
    """Versions that tags depend on; vLLM's are those of its own interpreter."""
    versions = library_versions(LIBRARIES)
    return versions | engine_versions(engine) if chosen_engine(engine) == "vllm" else versions


def load_model(
    folder: Path,
    *,
    engine: EngineName = "auto",
    batch_size: int = 64,
    context: int = MAX_TEXT_TOKENS + MAX_NEW_TOKENS + MAX_FRAME_TOKENS,
) -> Model:
    """The model in a folder, in bfloat16 on a GPU and float32 without. Raises FeatureError or EvaluationError.

    `context` is the most tokens of a prompt with its answer, for engines that set memory aside for it.
    """
    from transformers import AutoTokenizer, GenerationConfig

    from suite.features.text_models import device_name

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise FeatureError(f"{folder} has no tokenizer that can be read: {error}") from error
    stops = {tokenizer.eos_token_id}
    if (folder / "generation_config.json").is_file():
        # Chat models often end an answer with another token than their tokenizer's end of sequence.
        stated = GenerationConfig.from_pretrained(folder).eos_token_id
        stops |= set(stated if isinstance(stated, list) else [stated])
    dtype: Any = device_name().partition("-")[2]
    from suite.engines.vllm.engine import VllmSettings

    layout = VllmSettings(context=context, adapters=0)
    opened = open_engine(engine, folder, dtype=dtype, batch_size=batch_size, vllm=layout)
    return Model(opened, tokenizer, tuple(sorted(stop for stop in stops if stop is not None)))
