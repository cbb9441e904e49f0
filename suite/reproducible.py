"""Deterministic kernels on a GPU, for as long as a block runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from suite.memory import give_back_memory

Determinism = Literal["strict", "warn-only"]
"""`strict`: every operation was deterministic, as all used here are on a CPU. `warn-only`: one has no deterministic
form on this GPU, so none was insisted on, and torch's fused attention adds in no fixed order in its backward pass."""

Answer = TypeVar("Answer")
NONE_DETERMINISTIC = "does not have a deterministic implementation"


@contextmanager
def reproducible(mode: Determinism = "strict") -> Iterator[None]:
    """Deterministic kernels inside the block where there is a GPU; on a CPU all that is used here is so anyway.

    With `strict` an operation that has none raises RuntimeError, and fused attention takes the deterministic form of
    its backward pass (torch takes it in this mode alone). With `warn-only` such an operation goes on with a warning,
    and weights of two runs can differ in their last bits.
    """
    import torch

    if not torch.cuda.is_available():
        # On a CPU every kernel used here is deterministic; the switch would only cost time.
        yield
        return
    # cuBLAS reads this once, when its first handle is made: before that, deterministic kernels need it set.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=mode == "warn-only")
    # Deterministic mode fills fresh memory by default, which costs a third of the time and changes nothing here.
    settings: Any = torch.utils.deterministic
    filled, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled


def run_reproducibly(work: Callable[[Determinism], Answer]) -> Answer:
    """Run `work` with deterministic kernels; where an operation has none, once more from its start without insisting.

    `work` must be able to start anew. It is told how it runs, for the record.
    """
    try:
        with reproducible("strict"):
            return work("strict")
    except RuntimeError as error:
        if NONE_DETERMINISTIC not in str(error):
            raise
    # The error is gone by now, and what the first try held with it: a second model would not fit beside.
    give_back_memory()
    with reproducible("warn-only"):
        return work("warn-only")
