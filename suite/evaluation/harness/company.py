"""One question to several adapters: whoever comes first has it put to all, and the others find their answers.

The harness evaluates a model at a time and calls it back for answers. What it asks of one adapter it asks of every
other, so the requests of all go to the engine together, where they share batches.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Adapters = tuple[str | None, ...]


class Company:
    """Adapters of one engine that are asked the same, one after the other.

    An answer is given out once. A question that differs from those before, for whatever reason, is asked anew: sharing
    saves time and never changes who is asked what.
    """

    def __init__(self, adapters: Iterable[str | None]) -> None:
        self.adapters: Adapters = tuple(dict.fromkeys(adapters))
        self._kept: dict[tuple[str | None, str], Any] = {}

    def answer(self, adapter: str | None, question: str, ask: Callable[[Adapters], Mapping[str | None, Any]]) -> Any:
        """The answer of `adapter` to `question`, which names what is asked; `ask` gives those of several adapters."""
        if (adapter, question) not in self._kept:
            self._kept |= {(one, question): answer for one, answer in ask(self.adapters).items()}
        return self._kept.pop((adapter, question))


def question_of(kind: str, parts: Iterable[Sequence[int]]) -> str:
    """A name for what is asked: a digest of sequences of integers (such as token ids), in order."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(array("q", [len(part), *part]).tobytes())
    return digest.hexdigest()
