"""The transformers engine: batched text, likelihoods and embeddings, on a CPU or a GPU, adapters side by side.

Prompts are padded on the left, with the mask and the positions that make padding invisible, so that all rows end at
the same place, where generation goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from suite.again_with_half import ShortOfMemory, again_with_half
from suite.engines import TRANSFORMERS_LIBRARIES
from suite.engines.adapters import Adapters
from suite.engines.batching import Unit, batches, by_adapter
from suite.engines.protocol import EmbeddingRequest, GenerationRequest, Likelihood, LikelihoodRequest
from suite.engines.sampling import Chooser
from suite.engines.scoring import padded, positions, score_pairs, score_shared
from suite.errors import EvaluationError
from suite.hashing import library_versions
from suite.memory import give_back_memory
from suite.quiet import quiet_libraries

if TYPE_CHECKING:
    import numpy as np

Answer = TypeVar("Answer")


class TransformersEngine:
    """One base model in memory.

    `batch_size` is the number of rows a forward pass; batches are smaller where their logits would not fit. One that
    memory does not suffice for is computed in two halves; where that is too much as well, EvaluationError.
    Requests are sorted by length and grouped by adapter; answers come in request order and depend on the other
    requests of the call only within floating-point tolerance (1e-4 nats in float32). `device` None means the GPU
    where there is one. Raises EvaluationError when the folder holds no model.
    """

    name = "transformers"
    batching = ""

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
        self.versions = library_versions(TRANSFORMERS_LIBRARIES)
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
        """Continuations, without prompt and stop token, in request order; greedy at temperature 0.

        Ties between tokens go to the lower id. Raises EvaluationError for an empty prompt or an unknown adapter.
        """
        _check_prompts(request.prompt_ids for request in requests)
        units = [Unit((place,), request.adapter, len(request.prompt_ids), 1) for place, request in enumerate(requests)]

        def decode(model: Any, batch: list[Unit]) -> list[list[int]]:
            return self._decode(model, [requests[unit.places[0]] for unit in batch])

        answers = self._answers(units, decode)
        return [answers[place] for place in range(len(requests))]

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """Sum of natural-log probabilities of each continuation after its prompt, in request order.

        Probabilities are computed in float32 whatever the model's dtype. A prompt that stands in several requests of
        the call is computed once. Raises EvaluationError for an empty prompt or an unknown adapter.
        """
        _check_prompts(request.prompt_ids for request in requests)
        shared: dict[tuple[str | None, tuple[int, ...]], list[int]] = {}
        for place, request in enumerate(requests):
            shared.setdefault((request.adapter, request.prompt_ids), []).append(place)
        single: list[Unit] = []
        several: list[Unit] = []
        for (adapter, prompt), places in shared.items():
            longest = max(len(requests[place].continuation_ids) for place in places)
            unit = Unit(tuple(places), adapter, len(prompt) + longest, longest + 1)
            (single if len(places) == 1 else several).append(unit)

        def score(model: Any, batch: list[Unit]) -> list[Likelihood]:
            prompts = [requests[unit.places[0]].prompt_ids for unit in batch]
            asked = [[requests[place].continuation_ids for place in unit.places] for unit in batch]
            if len(asked[0]) == 1:
                return score_pairs(model, self.device, prompts, [group[0] for group in asked])
            return score_shared(model, self.device, prompts, asked)

        answers = self._answers(single, score) | self._answers(several, score)
        return [answers[place] for place in range(len(requests))]

    def embed(self, requests: Sequence[EmbeddingRequest]) -> np.ndarray:
        """The last layer's state (after its norm) at each last token, shape (requests, width), float32, unit norm."""
        import numpy as np

        _check_prompts(request.prompt_ids for request in requests)
        units = [Unit((place,), request.adapter, len(request.prompt_ids), 1) for place, request in enumerate(requests)]

        def last_states(model: Any, batch: list[Unit]) -> list[np.ndarray]:
            ids, mask = padded([requests[unit.places[0]].prompt_ids for unit in batch], self.device, "left")
            body = model.base_model
            states = body(input_ids=ids, attention_mask=mask, position_ids=positions(mask), use_cache=False)
            vectors = states.last_hidden_state[:, -1].float()
            return list((vectors / vectors.norm(dim=-1, keepdim=True)).cpu().numpy())

        answers = self._answers(units, last_states)
        rows = [answers[place] for place in range(len(requests))]
        return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)

    def memory_elsewhere(self) -> int:
        """Nothing: the model is in this process."""
        return 0

    def rest(self) -> None:
        """Keep the model in the machine's memory, and no GPU's, until the next question."""
        self._adapters.move("cpu")
        give_back_memory()

    def close(self) -> None:
        """Free the model and its memory; the engine cannot be used afterwards."""
        del self._adapters
        give_back_memory()

    def _answers(self, units: Sequence[Unit], ask: Callable[[Any, list[Unit]], list[Answer]]) -> dict[int, Answer]:
        """Answers by place; `ask` gets batches of one adapter each, and the model that has it switched on."""
        import torch

        self._adapters.move(self.device)
        answers: dict[int, Answer] = {}
        for adapter, group in by_adapter(units).items():
            with self._adapters.active(adapter) as model, torch.inference_mode():
                for batch in batches(group, self.batch_size, self.vocabulary):
                    places = [place for unit in batch for place in unit.places]
                    answers |= zip(places, self._asked(model, batch, ask), strict=True)
        return answers

    def _asked(self, model: Any, batch: list[Unit], ask: Callable[[Any, list[Unit]], list[Answer]]) -> list[Answer]:
        """Answers of one batch, in two halves where memory runs out; EvaluationError when it runs out again."""

        def in_parts(size: int) -> list[Answer]:
            parts = (batch[start : start + size] for start in range(0, len(batch), size))
            return [answer for part in parts for answer in ask(model, part)]

        try:
            return again_with_half(in_parts, len(batch))
        except ShortOfMemory as error:
            raise EvaluationError(
                f"{error} Rows had up to {max(unit.length for unit in batch)} tokens. Set a smaller batch_size in the "
                "track's [evaluation] table, run fewer lanes at once (--jobs), or take a machine with more memory."
            ) from error

    def _decode(self, model: Any, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        import torch
        from transformers import DynamicCache

        ids, mask = padded([request.prompt_ids for request in requests], self.device, "left")
        cache = DynamicCache(config=model.config)
        answers: list[list[int]] = [[] for _ in requests]
        rows = list(range(len(requests)))
        chooser = Chooser(requests)
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
            chosen = chooser.next_tokens(logits[:, -1], rows)
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


def _check_prompts(prompts: Iterable[tuple[int, ...]]) -> None:
    for place, ids in enumerate(prompts):
        if not ids:
            raise EvaluationError(f"Request {place} has an empty prompt: a prompt is at least one token.")
