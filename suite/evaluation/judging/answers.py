"""Answers of the models that are judged, in the track's template: to a question, and to one that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from suite.engines.protocol import GenerationRequest
from suite.evaluation.plan import fit_prompt
from suite.evaluation.run import in_slices
from suite.reporting import Progress, no_progress
from suite.templates import decode_response, encode_follow_ups, encode_prompts, stop_token_id

if TYPE_CHECKING:
    from suite.engines.protocol import Engine
    from suite.evaluation.protocol import AskedModel, Item


@dataclass
class Answerer:
    """Models of one engine, each question put to all of them in one go; counts tokens generated and prompts cut.

    Prompt and answer together hold `max_length` tokens: a prompt keeps at least its last half of them, and an answer
    gets `max_new_tokens` or what is left. Counts and first prompts are those of each model, in their order.
    """

    engine: Engine
    models: Sequence[AskedModel]
    max_new_tokens: int
    tokens: list[int] = field(init=False)
    truncated: list[int] = field(init=False)
    first_prompt_ids: list[tuple[int, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, self.truncated = [0] * len(self.models), [0] * len(self.models)
        self.first_prompt_ids = [()] * len(self.models)

    def answer(self, items: Sequence[Item], progress: Progress = no_progress) -> list[list[str]]:
        """Each model's greedy answers to the items' (first) questions."""
        asked = [(item.instruction, "") for item in items]
        return self._generate([encode_prompts(one.template, one.tokenizer, asked) for one in self.models], progress)

    def follow_up(
        self, items: Sequence[Item], answers: Sequence[Sequence[str]], progress: Progress = no_progress
    ) -> list[list[str]]:
        """Each model's greedy answers to the items' second questions, after the first with its own answers."""
        encoded = []
        for model, given in zip(self.models, answers, strict=True):
            asked = [(item.instruction, answer, item.input) for item, answer in zip(items, given, strict=True)]
            encoded.append(encode_follow_ups(model.template, model.tokenizer, asked))
        return self._generate(encoded, progress)

    def _generate(self, encoded: Sequence[Sequence[list[int]]], progress: Progress) -> list[list[str]]:
        requests = [request for place, of_model in enumerate(encoded) for request in self._requests(place, of_model)]
        given = iter(in_slices(requests, self.engine.generate, lambda done: progress(done, len(requests))))
        texts = []
        for place, (model, of_model) in enumerate(zip(self.models, encoded, strict=True)):
            answers = [next(given) for _ in of_model]
            self.tokens[place] += sum(map(len, answers))
            texts.append([decode_response(model.template, model.tokenizer, ids) for ids in answers])
        return texts

    def _requests(self, place: int, encoded: Sequence[list[int]]) -> list[GenerationRequest]:
        model = self.models[place]
        room = max(model.max_length // 2, model.max_length - self.max_new_tokens)
        prompts = [fit_prompt(ids, room, model.tokenizer.bos_token_id) for ids in encoded]
        self.truncated[place] += sum(len(ids) > room for ids in encoded)
        self.first_prompt_ids[place] = self.first_prompt_ids[place] or prompts[0]
        ends = (stop_token_id(model.template, model.tokenizer),)
        return [
            GenerationRequest(ids, min(self.max_new_tokens, model.max_length - len(ids)), ends, model.adapter)
            for ids in prompts
        ]
