"""The transformers engine: batched greedy decoding and log-likelihoods, on a CPU or a GPU, adapters side by side.

Rows of a batch are padded on the left, with the mask and the positions that make padding invisible, so that all rows
end at the same place: generation continues there, and the output matrix is applied to continuations only.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from suite.engines.adapters import Adapters
from suite.engines.protocol import GenerationRequest, Likelihood, LikelihoodRequest
from suite.errors import EvaluationError
from suite.hashing import library_versions
from suite.quiet import quiet_libraries

if TYPE_CHECKING:
    import torch

Request = TypeVar("Request", GenerationRequest, LikelihoodRequest)

# Logits of one batch never take more than this many numbers (1 GiB as float32).
MAX_LOGITS = 2**28


class TransformersEngine:
    """One base model in memory.

    `batch_size` is the number of rows a forward pass; batches are smaller where their logits would not fit.
    Requests are sorted by length and grouped by adapter; answers come in request order and depend on the other
    requests of the call only within floating-point tolerance (1e-4 nats in float32). `device` None means the GPU
    where there is one. Raises EvaluationError when the folder holds no model.
    """

    name = "transformers"

    def __init__(
        self,
        folder: Path,
        *,
        dtype: Literal["float32", "bfloat16"] = "float32",
        batch_size: int = 64,
        device: str | None = None,
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        if not (folder / "config.json").is_file():
            raise EvaluationError(f"There is no model in {folder} (no config.json). Prepare it, or check the path.")
        self.batch_size = batch_size
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.versions = library_versions(("torch", "transformers", "peft"))
        try:
            with quiet_libraries():
                model: Any = AutoModelForCausalLM.from_pretrained(
                    folder, dtype=getattr(torch, dtype), local_files_only=True
                )
        except Exception as error:
            # A damaged folder fails in any of several libraries, each with errors of its own.
            raise EvaluationError(f"The model in {folder} cannot be read: {error}") from error
        self.vocabulary = int(model.get_input_embeddings().num_embeddings)
        self._adapters = Adapters(model.to(self.device).eval())

    def add_adapter(self, name: str, folder: Path) -> None:
        """Load a peft adapter under `name`. Raises EvaluationError when it is not one of this base model."""
        self._adapters.add(name, folder)

    def remove_adapter(self, name: str) -> None:
        """Free an adapter; after the last one the base model is as it was loaded."""
        self._adapters.remove(name)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        """Greedy continuations, without prompt and stop token, in request order.

        Ties between tokens go to the lower id. Raises EvaluationError for an empty prompt or an unknown adapter.
        """
        answers: list[list[int]] = [[] for _ in requests]
        lengths = [(len(request.prompt_ids), request.max_new_tokens) for request in requests]
        for places, model in self._batches(requests, lengths, [1] * len(requests)):
            for place, ids in zip(places, self._greedy(model, [requests[place] for place in places]), strict=True):
                answers[place] = ids
        return answers

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """Sum of natural-log probabilities of each continuation after its prompt, in request order.

        Probabilities are computed in float32 whatever the model's dtype. Raises EvaluationError for an empty prompt
        or an unknown adapter.
        """
        answers = [Likelihood(0.0, 0, True) for _ in requests]
        continuations = [len(request.continuation_ids) for request in requests]
        lengths = [
            (len(request.prompt_ids) + count, count) for request, count in zip(requests, continuations, strict=True)
        ]
        for places, model in self._batches(requests, lengths, [count + 1 for count in continuations]):
            for place, answer in zip(places, self._score(model, [requests[place] for place in places]), strict=True):
                answers[place] = answer
        return answers

    def close(self) -> None:
        """Free the model and its memory; the engine cannot be used afterwards."""
        import torch

        del self._adapters
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _batches(
        self, requests: Sequence[Request], lengths: Sequence[tuple[int, int]], logit_rows: Sequence[int]
    ) -> Iterator[tuple[list[int], Any]]:
        """Yield (places in `requests`, model with their adapter active), longest rows first."""
        import torch

        by_adapter: dict[str | None, list[int]] = {}
        for place, request in enumerate(requests):
            if not request.prompt_ids:
                raise EvaluationError(f"Request {place} has an empty prompt: a prompt is at least one token.")
            by_adapter.setdefault(request.adapter, []).append(place)
        for adapter, places in by_adapter.items():
            places.sort(key=lambda place: lengths[place], reverse=True)
            with self._adapters.active(adapter) as model, torch.inference_mode(), _fresh_numerics(self.device):
                start = 0
                while start < len(places):
                    size = max_rows(self.batch_size, [logit_rows[place] for place in places[start:]], self.vocabulary)
                    yield places[start : start + size], model
                    start += size

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        return ids.to(self.device), mask.to(self.device)

    def _score(self, model: Any, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        import torch

        kept = max(len(request.continuation_ids) for request in requests)
        ids, mask = self._padded([request.prompt_ids + request.continuation_ids for request in requests])
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions(mask),
            use_cache=False,
            logits_to_keep=kept + 1,
        ).logits[:, -kept - 1 : -1]
        # A batch of empty continuations keeps no logit at all, and every sum below is an honest zero.
        targets = ids[:, ids.shape[1] - kept :]
        chosen = torch.log_softmax(logits.float(), dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        agrees = logits.argmax(-1) == targets
        counts = torch.tensor([len(request.continuation_ids) for request in requests], device=self.device)
        inside = torch.arange(kept, device=self.device) >= kept - counts.unsqueeze(1)
        sums = torch.where(inside, chosen, 0.0).double().sum(-1).tolist()
        greedy = (agrees | ~inside).all(-1).tolist()
        return [
            Likelihood(total, len(request.continuation_ids), same)
            for total, same, request in zip(sums, greedy, requests, strict=True)
        ]

    def _greedy(self, model: Any, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        import torch
        from transformers import DynamicCache

        ids, mask = self._padded([request.prompt_ids for request in requests])
        cache = DynamicCache(config=model.config)
        answers: list[list[int]] = [[] for _ in requests]
        rows = list(range(len(requests)))
        place = positions(mask)
        while rows:
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=place,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
            chosen = logits[:, -1].argmax(-1)
            going = []
            for index, (row, token) in enumerate(zip(rows, chosen.tolist(), strict=True)):
                if token in requests[row].stop_ids or requests[row].max_new_tokens < 1:
                    continue
                answers[row].append(token)
                if len(answers[row]) < requests[row].max_new_tokens:
                    going.append(index)
            if len(going) < len(rows):
                # Rows that have stopped leave the batch at once; on a small model they are most of the cost.
                keep = torch.tensor(going, dtype=torch.long, device=self.device)
                cache.batch_select_indices(keep)
                chosen, mask, place = chosen[keep], mask[keep], place[keep]
                rows = [rows[index] for index in going]
            ids = chosen.unsqueeze(1)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            place = place[:, -1:] + 1
        return answers


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Position of every token among its row's own, shape (rows, width); padding stands at position 0."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def max_rows(batch_size: int, kept: Sequence[int], vocabulary: int) -> int:
    """How many of the coming rows fit in one batch: at least one, at most `batch_size`."""
    longest = 0
    for count, rows in enumerate(kept[:batch_size]):
        longest = max(longest, rows)
        if count and (count + 1) * longest * vocabulary > MAX_LOGITS:
            return count
    return min(batch_size, len(kept))


@contextmanager
def _fresh_numerics(device: torch.device) -> Iterator[None]:
    import torch

    # TensorFloat-32 rounds float32 products to ten bits; a float32 evaluation must mean float32.
    before = torch.backends.cuda.matmul.allow_tf32
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
