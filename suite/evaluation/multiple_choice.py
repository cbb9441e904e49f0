"""Multiple choice: the choice that the model finds likeliest, right when it is the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from suite.engines.protocol import Likelihood, LikelihoodRequest
from suite.errors import EvaluationError
from suite.evaluation.likelihood import fit_pair
from suite.evaluation.plan import SHOWN, Plan, PlannedTask
from suite.evaluation.protocol import AskedModel, Item, TaskOutcome, Unit
from suite.templates import encode_prompts, encode_responses


@dataclass(frozen=True)
class MultipleChoice(PlannedTask):
    """1.0 where the choice of highest log-likelihood per UTF-8 byte is the reference, else 0.0 (higher is better).

    That is the field's `acc_norm` (lm-evaluation-harness): dividing by bytes keeps long choices in the race whatever
    the tokenizer. Choices are scored without the stop token. Ties go to the earlier choice.
    """

    kind: ClassVar[str] = "multiple-choice"
    unit: ClassVar[Unit] = "accuracy"

    def plan(self, model: AskedModel) -> Plan:
        """One log-likelihood a choice."""
        self.check_items()
        for item in self.items:
            self._check(item)
        prompts = encode_prompts(
            model.template, model.tokenizer, ((item.instruction, item.input) for item in self.items)
        )
        choices = [choice for item in self.items for choice in item.choices]
        responses = iter(encode_responses(model.template, model.tokenizer, choices, stop=False))
        requests, truncated = [], 0
        for item, prompt in zip(self.items, prompts, strict=True):
            pairs = [(prompt, next(responses)) for _ in item.choices]
            kept = [fit_pair(*pair, model.max_length, model.tokenizer.bos_token_id) for pair in pairs]
            requests += [LikelihoodRequest(ids, response, model.adapter) for ids, response in kept]
            truncated += any(
                len(ids) < len(prompt) or len(response) < len(whole)
                for (ids, response), (_, whole) in zip(kept, pairs, strict=True)
            )

        def finish(_: Sequence[list[int]], answers: Sequence[Likelihood]) -> TaskOutcome:
            scored = iter(answers)
            picks = [self._pick(item, [next(scored).log_likelihood for _ in item.choices]) for item in self.items]
            return TaskOutcome(
                values=np.array(
                    [pick == item.reference for pick, item in zip(picks, self.items, strict=True)], dtype=np.float32
                ),
                first_prompt_ids=requests[0].prompt_ids,
                tokens=sum(answer.tokens for answer in answers),
                samples=tuple(
                    {"id": item.id, "instruction": item.instruction, "reference": item.reference, "picked": pick}
                    for item, pick in zip(self.items[:SHOWN], picks, strict=False)
                ),
                truncated=truncated,
            )

        return Plan((), tuple(requests), finish)

    def _check(self, item: Item) -> None:
        if len(set(item.choices)) != len(item.choices) or len(item.choices) < 2 or "" in item.choices:
            raise EvaluationError(f"Task {self.name}, item {item.id!r}: choices must be two or more different texts.")
        if item.reference not in item.choices:
            raise EvaluationError(f"Task {self.name}, item {item.id!r}: the reference is not one of the choices.")

    @staticmethod
    def _pick(item: Item, log_likelihoods: Sequence[float]) -> str:
        scores = [
            value / len(choice.encode("utf-8")) for value, choice in zip(log_likelihoods, item.choices, strict=True)
        ]
        return item.choices[int(np.argmax(scores))]
