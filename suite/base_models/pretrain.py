"""Pretraining of a small Llama on packed tokens: deterministic, on one or two processes, resumable after a kill.

Every batch is cut into two shards whose gradients are added. One process computes both in turn, two compute one
each: the weights are the same to the bit. torch's own threads are not used, because on models this small they
spend their time waiting for each other. Where there is a GPU, one process computes there, in bfloat16 over float32
weights; where an operation there has no deterministic form, two such models differ in their last bits (see
`suite.reproducible`), so keep the folder of one that results stand on.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.atomic import write_bytes
from suite.memory import give_back_memory
from suite.reporting import Notify, Progress, no_progress, say_nothing
from suite.reproducible import Determinism, run_reproducibly

if TYPE_CHECKING:
    import torch

SHARDS = 2
INITIAL_DEVIATION = 0.05
WARMUP_SHARE = 0.05
FINAL_RATE = 0.01
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.01
CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class LlamaSpec:
    """The shape of a small Llama; embeddings are tied."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocab: int
    max_positions: int


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: `batch_size` sequences a step (an even number), AdamW, warm-up, then cosine."""

    steps: int
    batch_size: int
    learning_rate: float
    seed: int = 0

    def rate(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        warmup = max(1, round(WARMUP_SHARE * self.steps))
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        share = (step - warmup) / max(1, self.steps - warmup)
        return self.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share)))

    def rows(self, step: int, sequences: int) -> np.ndarray:
        """Rows of the token matrix for a step, shape (batch_size,): each pass over the data has its own order."""
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        return np.asarray([_order(self.seed, p // sequences, sequences)[p % sequences] for p in positions])


_orders: dict[tuple[int, int, int], np.ndarray] = {}


def _order(seed: int, epoch: int, sequences: int) -> np.ndarray:
    key = (seed, epoch, sequences)
    if key not in _orders:
        _orders.clear()
        _orders[key] = np.random.default_rng([seed, epoch]).permutation(sequences)
    return _orders[key]


def llama(spec: LlamaSpec, special_ids: tuple[int, int, int], seed: int) -> Any:
    """A LlamaForCausalLM of that shape with seeded weights, float32; `special_ids` are bos, eos and pad."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    bos, eos, pad = special_ids
    config = LlamaConfig(
        vocab_size=spec.vocab,
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.kv_heads,
        intermediate_size=spec.intermediate,
        max_position_embeddings=spec.max_positions,
        tie_word_embeddings=True,
        initializer_range=INITIAL_DEVIATION,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def pretrain(
    model: Any,
    tokens: np.ndarray,
    schedule: Schedule,
    *,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    workers: int = 1,
    progress: Progress = no_progress,
    notify: Notify = say_nothing,
) -> list[float]:
    """Train `model` in place on `tokens`, shape (m, length); returns the loss of every step of this run.

    With `checkpoint`, state is kept there every `checkpoint_seconds` and a run goes on from it; the final weights are
    those of an uninterrupted run (on a GPU up to the order of sums). A checkpoint that cannot be read is reported
    through `notify`. `workers` is 1 or 2 processes and does not change the weights either; a GPU is given to one.
    Afterwards the model is on the CPU and the GPU's memory is free again.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    model.to("cuda" if on_gpu else "cpu")
    data = torch.from_numpy(tokens.astype(np.int64)).to(model.device)
    fresh = {name: value.clone() for name, value in model.state_dict().items()} if on_gpu else {}

    def train(_: Determinism) -> list[float]:
        if fresh:
            model.load_state_dict(fresh)
        keeping = _Keeping(checkpoint, checkpoint_seconds, notify)
        return _train(model, data, schedule, keeping, 1 if on_gpu else workers, progress)

    try:
        return run_reproducibly(train)
    finally:
        model.to("cpu")
        if on_gpu:
            give_back_memory()


@dataclass(frozen=True)
class _Keeping:
    """Where the state of a run is kept (nowhere: None), and how often."""

    checkpoint: Path | None
    seconds: float
    notify: Notify


def _train(
    model: Any, data: torch.Tensor, schedule: Schedule, keeping: _Keeping, workers: int, progress: Progress
) -> list[float]:
    import torch

    parameters = list(model.parameters())
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}],
        lr=schedule.learning_rate,
        betas=BETAS,
        fused=True,
    )
    first = _restore(keeping, model, optimizer)
    losses: list[torch.Tensor] = []
    saved = time.monotonic()
    with _one_thread(), _gradients(model, data, workers) as compute:
        for step in range(first, schedule.steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            losses.append(compute(schedule.rows(step, len(data))))
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if keeping.checkpoint and time.monotonic() - saved >= keeping.seconds:
                _save(keeping.checkpoint, model, optimizer, step + 1)
                saved = time.monotonic()
            progress(step + 1, schedule.steps)
    return [float(loss) for loss in losses]


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _gradients(model: Any, data: torch.Tensor, workers: int) -> Iterator[Callable[[np.ndarray], torch.Tensor]]:
    """A function from a batch's rows to its loss that leaves the batch's mean gradient in the parameters."""
    import torch

    if workers < 2:

        def in_turn(rows: np.ndarray) -> torch.Tensor:
            return torch.stack([_backward(model, data, shard) for shard in np.array_split(rows, SHARDS)]).sum()

        yield in_turn
        return

    import torch.multiprocessing as multiprocessing

    model.share_memory()
    shared = [parameter.detach().clone().zero_().share_memory_() for parameter in model.parameters()]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    # Daemonic: should this process be killed, the pipe closes and the worker ends by itself.
    worker = context.Process(target=_serve, args=(theirs, model, data.share_memory_(), shared), daemon=True)
    worker.start()
    theirs.close()

    def side_by_side(rows: np.ndarray) -> torch.Tensor:
        mine, others = np.array_split(rows, SHARDS)
        ours.send(others)
        loss = _backward(model, data, mine)
        loss = loss + ours.recv()
        for parameter, gradient in zip(model.parameters(), shared, strict=True):
            parameter.grad.add_(gradient)
        return loss

    try:
        yield side_by_side
    finally:
        ours.close()
        worker.join(timeout=10)
        if worker.is_alive():
            worker.terminate()


def _serve(pipe: Any, model: Any, data: torch.Tensor, shared: list[torch.Tensor]) -> None:
    """The second process: gradients of the shards it is sent, until the pipe closes."""
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            rows = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        model.zero_grad(set_to_none=True)
        loss = _backward(model, data, rows)
        for parameter, gradient in zip(model.parameters(), shared, strict=True):
            gradient.copy_(parameter.grad)
        pipe.send(loss.item())


def _backward(model: Any, data: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    """Add the gradient of one shard to the parameters'; its loss, a float64 scalar that a GPU need not wait for."""
    import torch

    batch = data[torch.from_numpy(rows).to(data.device)]
    with torch.autocast(data.device.type, dtype=torch.bfloat16, enabled=data.device.type == "cuda"):
        logits = model(input_ids=batch, use_cache=False).logits[:, :-1]
    flat = logits.reshape(-1, logits.shape[-1]).float()
    loss = torch.nn.functional.cross_entropy(flat, batch[:, 1:].reshape(-1)) / SHARDS
    loss.backward()
    return loss.detach().double()


def _save(checkpoint: Path, model: Any, optimizer: Any, step: int) -> None:
    import torch

    # Through memory: on a full disk torch raises errors of its own that do not say what is wrong.
    page = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, page)
    write_bytes(checkpoint, page.getvalue())


def _restore(keeping: _Keeping, model: Any, optimizer: Any) -> int:
    import torch

    checkpoint = keeping.checkpoint
    if checkpoint is None or not checkpoint.is_file():
        return 0
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged one fails in torch, zipfile or pickle, each with errors of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        keeping.notify(f"The checkpoint {checkpoint} is damaged ({reason}); pretraining begins anew.")
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
