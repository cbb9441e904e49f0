"""Answers of the model that is judged, in the track's template: to a question, and to one that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """One model on an engine; counts tokens generated and prompts cut.

    Prompt and answer together hold `max_length` tokens: a prompt keeps at least its last half of them, and an answer
    gets `max_new_tokens` or what is left.
    """

    engine: Engine
    model: AskedModel
    max_new_tokens: int
    tokens: int = 0
    truncated: int = 0
    first_prompt_ids: tuple[int, ...] = ()

    def answer(self, items: Sequence[Item], progress: Progress = no_progress) -> list[str]:
        """Greedy answers to the items' (first) questions."""
        asked = [(item.instruction, "") for item in items]
        return self._generate(encode_prompts(self.model.template, self.model.tokenizer, asked), progress)

    def follow_up(self, items: Sequence[Item], answers: Sequence[str], progress: Progress = no_progress) -> list[str]:
        """Greedy answers to the items' second questions, after the first with these answers."""
        asked = [(item.instruction, answer, item.input) for item, answer in zip(items, answers, strict=True)]
        return self._generate(encode_follow_ups(self.model.template, self.model.tokenizer, asked), progress)

    def _generate(self, encoded: Sequence[list[int]], progress: Progress) -> list[str]:
        room = max(self.model.max_length // 2, self.model.max_length - self.max_new_tokens)
        prompts = [fit_prompt(ids, room, self.model.tokenizer.bos_token_id) for ids in encoded]
        self.truncated += sum(len(ids) > room for ids in encoded)
        self.first_prompt_ids = self.first_prompt_ids or prompts[0]
        ends = (stop_token_id(self.model.template, self.model.tokenizer),)
        requests = [
            GenerationRequest(ids, min(self.max_new_tokens, self.model.max_length - len(ids)), ends, self.model.adapter)
            for ids in prompts
        ]
        given = in_slices(requests, self.engine.generate, lambda done: progress(done, len(requests)))
        self.tokens += sum(map(len, given))
        return [decode_response(self.model.template, self.model.tokenizer, ids) for ids in given]
