"""Exact match: greedy generation, right when its text is the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from suite.engines.protocol import GenerationRequest, Likelihood
from suite.evaluation.plan import SHOWN, Plan, PlannedTask, fit_prompt
from suite.evaluation.protocol import AskedModel, TaskOutcome, Unit
from suite.templates import decode_response, encode_prompts, stop_token_id


@dataclass(frozen=True)
class ExactMatch(PlannedTask):
    """1.0 where the generated text equals the reference, else 0.0 (higher is better).

    Both are compared after removing outer white space and nothing else: case, punctuation and inner spaces count.
    Generation is greedy and ends at the template's stop token or after `max_new_tokens`; a response that was cut
    there is compared as it stands. Prompts longer than `max_length - max_new_tokens` lose their start.
    """

    kind: ClassVar[str] = "exact-match"
    unit: ClassVar[Unit] = "accuracy"

    def plan(self, model: AskedModel) -> Plan:
        """One generation an item."""
        self.check_items()
        encoded = encode_prompts(
            model.template, model.tokenizer, ((item.instruction, item.input) for item in self.items)
        )
        room = max(model.max_length - self.max_new_tokens, 1)
        prompts = [fit_prompt(ids, room, model.tokenizer.bos_token_id) for ids in encoded]
        stops = (stop_token_id(model.template, model.tokenizer),)
        requests = tuple(GenerationRequest(ids, self.max_new_tokens, stops, model.adapter) for ids in prompts)

        def finish(generated: Sequence[list[int]], _: Sequence[Likelihood]) -> TaskOutcome:
            texts = [decode_response(model.template, model.tokenizer, ids) for ids in generated]
            return TaskOutcome(
                values=np.array(
                    [text == item.reference.strip() for text, item in zip(texts, self.items, strict=True)],
                    dtype=np.float32,
                ),
                first_prompt_ids=prompts[0],
                tokens=sum(map(len, generated)),
                samples=tuple(
                    {"id": item.id, "instruction": item.instruction, "reference": item.reference, "generated": text}
                    for item, text in zip(self.items[:SHOWN], texts, strict=False)
                ),
                truncated=sum(len(ids) > room for ids in encoded),
            )

        return Plan(requests, (), finish)
