"""The engine protocol: token ids in, text ids and log-likelihoods out, several adapters side by side.

Requests carry token ids (never text), so that exactly one beginning-of-sequence token is the template's business
and the first prompt can be stored as the model saw it. Each request names its adapter, so one call may serve many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class GenerationRequest:
    """Continue `prompt_ids` until `stop_ids` or `max_new_tokens`; `adapter` None is the bare base model.

    Greedy at temperature 0; above, sampled from the smallest set of tokens that holds `top_p` of the probability. The
    same `seed` gives the same text on the same engine, whatever else is asked with it.
    """

    prompt_ids: tuple[int, ...]
    max_new_tokens: int
    stop_ids: tuple[int, ...]
    adapter: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class LikelihoodRequest:
    """Score `continuation_ids` after `prompt_ids`."""

    prompt_ids: tuple[int, ...]
    continuation_ids: tuple[int, ...]
    adapter: str | None = None


@dataclass(frozen=True)
class EmbeddingRequest:
    """Embed `prompt_ids`."""

    prompt_ids: tuple[int, ...]
    adapter: str | None = None


@dataclass(frozen=True)
class Likelihood:
    """Sum of natural-log probabilities of the continuation, its token count, and whether greedy decoding gives it."""

    log_likelihood: float
    tokens: int
    greedy: bool


class Engine(Protocol):
    """One base model in memory, with adapters that come and go without reloading it.

    `versions` are those of every library that what it answers depends on. `batching` says how many rows go through the
    model together where that can change an answer, and is empty where it cannot beyond the engine's tolerance.
    """

    name: str
    versions: dict[str, str]
    batching: str

    def add_adapter(self, name: str, folder: Path) -> None:
        """Load a peft adapter under `name`."""

    def remove_adapter(self, name: str) -> None:
        """Free an adapter."""

    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        """Generated token ids of each request, without prompt and without stop token, in request order."""

    def embed(self, requests: Sequence[EmbeddingRequest]) -> np.ndarray:
        """The last layer's state (after its norm) at each last token, shape (requests, width), float32, unit norm."""

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """Log-likelihood of each continuation, in request order."""

    def memory_elsewhere(self) -> int:
        """Peak memory in bytes of another process that holds the model, 0 where it is this one."""

    def rest(self) -> None:
        """Give a GPU's memory to others until the next question, which takes it back; adapters stay loaded."""

    def close(self) -> None:
        """Free the model and its memory."""
