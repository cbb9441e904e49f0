"""The vllm engine: greedy and sampled text, likelihoods and embeddings, of many adapters in one batch."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from suite.engines.protocol import EmbeddingRequest, GenerationRequest, Likelihood, LikelihoodRequest
from suite.engines.vllm.child import Child, OutOfMemory
from suite.engines.vllm.finding import find_vllm
from suite.engines.vllm.fitting import BaseFiles, check_adapter, room_for_rank
from suite.errors import EngineError, EvaluationError
from suite.home import logs_folder

if TYPE_CHECKING:
    from suite.track import Track

LEAST_CONTEXT = 4096
Runner = Literal["generate", "pooling"]
Answer = TypeVar("Answer")
Request = TypeVar("Request", GenerationRequest, LikelihoodRequest, EmbeddingRequest)
# Tokens of one forward pass, for each request that may be in it; longer prompts are computed in pieces.
TOKENS_A_ROW = 128


@dataclass(frozen=True)
class Loaded:
    """An adapter as vLLM knows it: by a number that is never used again."""

    number: int
    folder: Path


@dataclass(frozen=True)
class VllmSettings:
    """How a vLLM engine is laid out. None of it changes what is asked; `adapters` 0 makes an engine without adapters.

    `context` is the most tokens of a prompt with its continuation (None: as many as the model has positions), `rank`
    the largest rank of an adapter, `adapters` how many adapters are computed together (more may be loaded),
    `memory_share` how much of a GPU's memory vLLM may take, and `gpus` over how many each matrix is split. (The build
    for processors splits models without adapters alone, over as many processes.)
    """

    context: int | None = None
    rank: int = 16
    adapters: int = 16
    memory_share: float = 0.9
    gpus: int = 1

    @classmethod
    def of(cls, track: Track, gpus: int = 1) -> Self:
        """As a track's recipe and its [evaluation.vllm] table say, on so many GPUs."""
        layout, lora = track.evaluation.vllm, track.recipe.lora
        return cls(
            context=layout.context or max(track.recipe.max_length, LEAST_CONTEXT),
            rank=lora.rank if lora else cls.rank,
            adapters=layout.adapters if lora else 0,
            memory_share=layout.memory_share,
            gpus=gpus,
        )


@dataclass
class VllmEngine:
    """One base model in a vLLM process of its own, with adapters beside it.

    The process is started when it is first needed, a second one (of vLLM's pooling kind) in its place for embeddings,
    since both would not fit on one GPU. `batch_size` is the most requests computed together; when memory runs out the
    process is started again with half of it, once a call. Raises EvaluationError for a folder without a model,
    EngineError where there is no vLLM that can be used or its process fails.
    """

    folder: Path
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = 64
    settings: VllmSettings = field(default_factory=VllmSettings)

    name = "vllm"

    def __post_init__(self) -> None:
        self._base = BaseFiles(self.folder)
        self._installation = find_vllm()
        self._installation.check_device()
        self.versions = dict(self._installation.versions)
        self._context = min(self.settings.context or self._base.positions, self._base.positions)
        self._rank = room_for_rank(self.settings.rank)
        self._gpus = 1 if self._installation.for_cpus and self.settings.adapters else self.settings.gpus
        self._adapters: dict[str, Loaded] = {}
        self._numbers = 0
        self._child: Child | None = None
        self._peak = 0
        self._runner: Runner = "generate"
        self.batching = self._batching()

    def add_adapter(self, name: str, folder: Path) -> None:
        """Load a peft adapter under `name`. Raises EvaluationError when it is not one of this base model."""
        if name in self._adapters:
            raise EvaluationError(f"An adapter {name!r} is loaded already; remove it first.")
        if not self.settings.adapters:
            raise EvaluationError("This engine was started without room for adapters.")
        check_adapter(folder, self._base, self._rank)
        self._numbers += 1
        loaded = Loaded(self._numbers, folder.resolve())
        try:
            self._retrying(
                lambda: self._started(self._runner).call(
                    "add", number=loaded.number, name=name, folder=str(loaded.folder)
                )
            )
        except EngineError as error:
            if self._child is None:
                raise
            raise EvaluationError(f"The adapter in {folder} does not fit this base model: {error}") from error
        self._adapters[name] = loaded

    def remove_adapter(self, name: str) -> None:
        """Free an adapter. Raises EvaluationError when there is none of that name."""
        loaded = self._loaded(name)
        del self._adapters[name]
        if self._child is not None and self._child.alive:
            self._child.call("drop", number=loaded.number)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        """Continuations, without prompt and stop token, in request order; see the protocol."""
        self._check((len(one.prompt_ids), one.max_new_tokens) for one in requests)
        asked = {place: one for place, one in enumerate(requests) if one.max_new_tokens > 0}
        messages = [
            self._message(one)
            | {
                "most": one.max_new_tokens,
                "stop": list(one.stop_ids),
                "temperature": one.temperature,
                "top_p": one.top_p,
                "seed": one.seed,
            }
            for one in asked.values()
        ]
        answers: dict[int, list[int]] = dict(zip(asked, self._ask("generate", "generate", messages), strict=True))
        return [answers.get(place, []) for place in range(len(requests))]

    def log_likelihoods(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """Sum of natural-log probabilities of each continuation after its prompt, in request order."""
        self._check((len(one.prompt_ids), len(one.continuation_ids)) for one in requests)
        asked = {place: one for place, one in enumerate(requests) if one.continuation_ids}
        messages = [
            self._message(one) | {"ids": [*one.prompt_ids, *one.continuation_ids], "from": len(one.prompt_ids)}
            for one in asked.values()
        ]
        scored = dict(zip(asked, self._ask("generate", "score", messages), strict=True))
        answers = []
        for place, one in enumerate(requests):
            log_likelihood, greedy = scored.get(place, (0.0, True))
            answers.append(Likelihood(float(log_likelihood), len(one.continuation_ids), bool(greedy)))
        return answers

    def embed(self, requests: Sequence[EmbeddingRequest]) -> Any:
        """The last layer's state at each last token, shape (requests, width), float32, unit norm."""
        import numpy as np

        self._check((len(one.prompt_ids), 0) for one in requests)
        packed = self._ask("pooling", "embed", [self._message(one) for one in requests])
        if not packed:
            return np.empty((0, 0), dtype=np.float32)
        vectors = np.stack([np.frombuffer(base64.b64decode(one), dtype="<f4") for one in packed])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def memory_elsewhere(self) -> int:
        """Peak memory of the vLLM process in bytes, that of the GPU where it has one; 0 while there was none."""
        if self._child is not None and self._child.alive:
            # For the record alone: one that has just failed need not know, and what it failed of is to be heard.
            with suppress(EngineError):
                self._peak = max(self._peak, int(self._child.call("memory")))
        return self._peak

    def rest(self) -> None:
        """End the process: the next question starts another, with the adapters there were."""
        self.memory_elsewhere()
        self._stop()

    def close(self) -> None:
        """End the process, and with it all the memory it held; the engine starts again when it is asked again."""
        self._stop()

    def _ask(self, runner: Runner, do: str, messages: list[dict[str, Any]]) -> list[Any]:
        if not messages:
            return []
        return list(self._retrying(lambda: self._started(runner).call(do, requests=messages)))

    def _retrying(self, work: Callable[[], Answer]) -> Answer:
        """Do it again, once, with half the batch where memory ran out; a process that is gone is cleared away."""
        for again in ("", ", after one try with twice as many"):
            try:
                return work()
            except OutOfMemory as error:
                self._stop()
                if again or self.batch_size == 1:
                    raise EngineError(
                        f"vLLM ran out of memory with {self.batch_size} requests at once{again}: {error} Set a smaller "
                        "batch_size or [evaluation.vllm] context, or use a larger GPU."
                    ) from error
                self.batch_size = max(1, self.batch_size // 2)
                self.batching = self._batching()
            except EngineError:
                if self._child is not None and not self._child.alive:
                    self._stop()
                raise
        raise AssertionError("unreachable")

    def _started(self, runner: Runner) -> Child:
        if self._child is not None and (self._runner != runner or not self._child.alive):
            self._stop()
        if self._child is None:
            self._runner = runner
            self._child = Child(self._installation, self._layout(runner), logs_folder())
            for name, one in self._adapters.items():
                self._child.call("add", number=one.number, name=name, folder=str(one.folder))
        return self._child

    def _layout(self, runner: Runner) -> dict[str, Any]:
        # A likelihood is asked for with one token generated after it, which needs a place.
        context = self._context + 1
        tokens = TOKENS_A_ROW * self.batch_size
        return {
            "model": str(self.folder),
            "runner": runner,
            "dtype": self.dtype,
            "context": context,
            "rows": self.batch_size,
            # A vector of the last token is read in one piece.
            "tokens": max(tokens, context) if runner == "pooling" else tokens,
            "memory_share": self.settings.memory_share,
            "gpus": self._gpus,
            "adapters_at_once": self.settings.adapters,
            "adapter_rank": self._rank,
            "adapted_modules": self._base.projections,
        }

    def _batching(self) -> str:
        split = f", each matrix on {self._gpus} GPUs" if self._gpus > 1 else ""
        if self._installation.batch_invariant:
            return f"batch-invariant{split}"
        return f"up to {self.batch_size} requests of {self.settings.adapters or 1} adapters at once{split}"

    def _stop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def _message(self, request: Request) -> dict[str, Any]:
        number = self._loaded(request.adapter).number if request.adapter is not None else None
        return {"ids": list(request.prompt_ids), "adapter": number}

    def _loaded(self, name: str) -> Loaded:
        if name not in self._adapters:
            known = ", ".join(sorted(self._adapters)) or "none"
            raise EvaluationError(f"There is no adapter {name!r}, it is not loaded; loaded: {known}.")
        return self._adapters[name]

    def _check(self, lengths: Iterable[tuple[int, int]]) -> None:
        for place, (prompt, more) in enumerate(lengths):
            if not prompt:
                raise EvaluationError(f"Request {place} has an empty prompt: a prompt is at least one token.")
            if prompt + more > self._context:
                raise EvaluationError(
                    f"Request {place} needs {prompt} + {more} tokens, more than the engine's {self._context} (of the "
                    f"model's {self._base.positions} positions). Set a larger context in [evaluation.vllm]."
                )
