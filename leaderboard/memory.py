"""What a page's process keeps of the memory that its threads have given back."""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"""glibc's name for how many pools of memory threads are spread over; by default eight a core."""


def few_arenas(most: int = 2) -> None:
    """Let all threads share a few pools: each of many would keep what its busiest moment needed. Linux alone."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_ARENA_MAX, most)
