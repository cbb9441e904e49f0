"""Two GPUs, imitated on a processor: each tensor is on one of them, and an operation over both fails as on real ones.

Numbers are computed as ever. What is seen of the GPUs is what Python code asks torch for: the device of a tensor,
taking it to another, making one there, and which GPU is the current one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

FIRST, SECOND = torch.device("cuda", 0), torch.device("cuda", 1)
HERE = torch.device("cpu")
DEVICE, IS_CUDA = torch.Tensor.device.__get__, torch.Tensor.is_cuda.__get__


class TwoCards(TorchFunctionMode):
    """Tensors are on the first card unless they were put on the second, or computed there.

    `current` are the cards that were made the current one while it was entered, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.current: list[int] = []

    @contextmanager
    def entered(self) -> Iterator[TwoCards]:
        """The cards are there inside."""
        with (
            mock.patch("torch.cuda._exchange_device", self._exchange),
            mock.patch("torch.cuda._maybe_exchange_device"),
            self,
        ):
            yield self

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs))
        found = [card_of(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor)]
        named = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
        if func in (DEVICE, IS_CUDA, torch.Tensor.get_device):
            return {DEVICE: found[0], IS_CUDA: True}.get(func, found[0].index)
        args, kwargs = tree_map_only(torch.device, lambda _: HERE, (args, kwargs or {}))
        if func is torch.Tensor.to:
            made = func(*args, **kwargs)
            # What is on another card is a copy, whose card is its own.
            return on(made.view_as(made) if named and made is args[0] else made, (named or found)[0])
        if len({*found, *named}) > 1:
            raise RuntimeError(f"Expected all tensors to be on the same device, but found {[*found, *named]}!")
        made = func(*args, **kwargs)
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                on(leaf, (*found, *named, FIRST)[0])
        return made

    def _exchange(self, card: int) -> int:
        self.current.append(card)
        return 0


def on(tensor: torch.Tensor, card: torch.device) -> torch.Tensor:
    """The same tensor, on a card."""
    tensor.card = card  # type: ignore[attr-defined]
    return tensor


def card_of(tensor: torch.Tensor) -> torch.device:
    """The card that a tensor is on."""
    return getattr(tensor, "card", FIRST)
