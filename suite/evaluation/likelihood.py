"""Likelihood: how many bits a byte of the reference response costs the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from suite.engines.protocol import Likelihood, LikelihoodRequest
from suite.errors import EvaluationError
from suite.evaluation.plan import SHOWN, Plan, PlannedTask, fit_prompt
from suite.evaluation.protocol import AskedModel, TaskOutcome, Unit
from suite.templates import encode_prompts, encode_responses


@dataclass(frozen=True)
class ResponseLikelihood(PlannedTask):
    """Bits per byte of the reference response, its stop token included (lower is better).

    An item's value is -log2 p(response, stop | prompt) over the UTF-8 bytes of the reference: comparable between
    tokenizers, and a model that does not know where to stop pays for it. A reference that does not fit beside half a
    prompt is cut at the end: then the stop token is not scored and the bytes are those of the tokens kept. A prompt
    that does not fit beside its reference loses its start. Both cuts are counted in `truncated`.
    """

    kind: ClassVar[str] = "likelihood"
    unit: ClassVar[Unit] = "bits-per-byte"

    def plan(self, model: AskedModel) -> Plan:
        """One log-likelihood an item."""
        self.check_items()
        for item in self.items:
            if not item.reference:
                raise EvaluationError(f"Task {self.name}, item {item.id!r}: the reference is empty: no bytes.")
        prompts = encode_prompts(
            model.template, model.tokenizer, ((item.instruction, item.input) for item in self.items)
        )
        references = encode_responses(model.template, model.tokenizer, (item.reference for item in self.items))
        requests, sizes = [], []
        for item, prompt, reference in zip(self.items, prompts, references, strict=True):
            kept_prompt, kept = fit_pair(prompt, reference, model.max_length, model.tokenizer.bos_token_id)
            requests.append(LikelihoodRequest(kept_prompt, kept, model.adapter))
            whole = len(kept) == len(reference)
            text = item.reference if whole else model.tokenizer.decode(kept, skip_special_tokens=True)
            sizes.append(max(len(text.encode("utf-8", errors="replace")), 1))

        def finish(_: Sequence[list[int]], answers: Sequence[Likelihood]) -> TaskOutcome:
            bits = np.array([-answer.log_likelihood / math.log(2) for answer in answers])
            values = (bits / np.array(sizes)).astype(np.float32)
            return TaskOutcome(
                values=values,
                first_prompt_ids=requests[0].prompt_ids,
                tokens=sum(answer.tokens for answer in answers),
                samples=tuple(
                    {
                        "id": item.id,
                        "instruction": item.instruction,
                        "reference": item.reference,
                        "bits per byte": f"{value:.4f}",
                    }
                    for item, value in zip(self.items[:SHOWN], values, strict=False)
                ),
                truncated=sum(
                    len(request.prompt_ids) < len(prompt) or len(request.continuation_ids) < len(reference)
                    for request, prompt, reference in zip(requests, prompts, references, strict=True)
                ),
            )

        return Plan((), tuple(requests), finish)


def fit_pair(
    prompt: Sequence[int], response: Sequence[int], max_length: int, beginning: int | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cut a prompt (at its start) and a response (at its end) so that both together hold `max_length` tokens.

    The prompt yields first, down to half of the room or its own length, whichever is less.
    """
    least = max(min(len(prompt), max_length // 2), 1)
    kept = tuple(response[: max(max_length - least, 1)])
    return fit_prompt(prompt, max(max_length - len(kept), 1), beginning), kept
