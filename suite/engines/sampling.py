"""The next token of each row: the likeliest, or one drawn with a generator of the row's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from suite.engines.protocol import GenerationRequest

if TYPE_CHECKING:
    import torch


class Chooser:
    """Chooses tokens for rows that are decoded together; what a row draws does not depend on the others."""

    def __init__(self, requests: Sequence[GenerationRequest]) -> None:
        import torch

        self._requests = requests
        # On the CPU, so that a seed draws the same on every device.
        self._generators = {
            row: torch.Generator().manual_seed(request.seed)
            for row, request in enumerate(requests)
            if request.temperature > 0
        }

    def next_tokens(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """Token ids, shape (rows,), from logits of shape (rows, vocabulary); `rows` are numbers of requests."""
        chosen = logits.argmax(-1)
        for place, row in enumerate(rows):
            if row in self._generators:
                chosen[place] = self._drawn(logits[place], row)
        return chosen

    def _drawn(self, logits: torch.Tensor, row: int) -> int:
        import torch

        request = self._requests[row]
        probabilities = (logits.float().cpu() / request.temperature).softmax(-1)
        ordered, tokens = probabilities.sort(descending=True, stable=True)
        # The likeliest tokens until they hold top_p together; the first is always among them.
        ordered[ordered.cumsum(-1) - ordered >= request.top_p] = 0.0
        return int(tokens[torch.multinomial(ordered, 1, generator=self._generators[row])])
