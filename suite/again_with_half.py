"""Work in batches that is done once more with half the batch where memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from suite.errors import BreadthError
from suite.memory import give_back_memory, out_of_memory

Made = TypeVar("Made")


class ShortOfMemory(BreadthError):  # noqa: N818 - an outcome of work, named as one
    """Memory ran out, and with half as many rows at once it ran out again."""


def again_with_half(work: Callable[[int], Made], size: int) -> Made:
    """What `work` makes with `size` rows at once, or with half as many where memory runs out.

    `work` must be one that can be done anew. Raises ShortOfMemory when the second try runs out as well, or when a
    batch is one row.
    """
    ran_out = _tried(work, size)
    if isinstance(ran_out, list):
        return ran_out[0]
    # The error is gone by now, and with its traceback the tensors of the first try.
    give_back_memory()
    half = size // 2
    if not half:
        raise ShortOfMemory(f"{ran_out} ran out of memory on a single row.")
    again = _tried(work, half)
    if isinstance(again, list):
        return again[0]
    raise ShortOfMemory(f"{again} ran out of memory with {size} rows at once, and again with {half}.")


def _tried(work: Callable[[int], Made], size: int) -> list[Made] | str:
    """What was made, in a list of one; or what ran out of memory, in words."""
    try:
        return [work(size)]
    except (MemoryError, RuntimeError) as error:  # torch's error of a full GPU is a RuntimeError
        where = out_of_memory(error)
        if where is None:
            raise
        return where
