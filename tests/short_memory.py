"""A machine whose memory suffices for so many rows at once: more ask torch's own allocator for what no machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MORE_THAN_THERE_IS = 2**50


@contextmanager
def memory_for(rows: int) -> Iterator[list[int]]:
    """Every model that is run inside; gives the numbers of rows that were tried, in order."""
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    tried: list[int] = []

    def look(module: Any, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, torch.nn.Embedding):
            tried.append(len(inputs[0]))
            if len(inputs[0]) > rows:
                torch.empty(MORE_THAN_THERE_IS, dtype=torch.uint8)

    handle = register_module_forward_pre_hook(look)
    try:
        yield tried
    finally:
        handle.remove()
