"""How long work tells of itself: callbacks for progress and for one-line notices, and those that stay silent."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called as progress(done, total) while a long computation runs."""
Notify = Callable[[str], None]
"""Called with one line that a person should read, such as where a pool came from or what was damaged."""


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


def say_nothing(message: str) -> None:
    """Report nothing."""
