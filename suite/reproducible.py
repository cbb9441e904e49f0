"""Deterministic kernels on a GPU, for as long as a block runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def reproducible() -> Iterator[None]:
    """Deterministic kernels inside the block where there is a GPU; on a CPU all that is used here is so anyway.

    An operation that has none goes on with a warning instead of an error. torch counts the backward pass of fused
    attention among them as long as that is so: on a GPU its sums come in no fixed order, and weights of two runs can
    differ in their last bits.
    """
    import torch

    if not torch.cuda.is_available():
        # On a CPU every kernel used here is deterministic; the switch would only cost time.
        yield
        return
    # cuBLAS reads this once, when its first handle is made: before that, deterministic kernels need it set.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Deterministic mode fills fresh memory by default, which costs a third of the time and changes nothing here.
    settings: Any = torch.utils.deterministic
    filled, settings.fill_uninitialized_memory = settings.fill_uninitialized_memory, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled
