"""Misfortunes that the fake Hub can be told to meet its callers with."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests whose `METHOD /path` matches `on`."""

    on: str
    status: int | None = None
    """Answer with this status in place of the true answer."""
    done: bool = False
    """Do what was asked all the same: the answer alone is lost."""
    slow: float = 0.0
    """Seconds to wait before the answer."""
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """The Hub's own error code (X-Error-Code)."""
    message: str = "made to fail"
    times: int = 1


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen from the next request on."""
        with self._guard:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Let nothing happen any more."""
        with self._guard:
            self._waiting.clear()

    def take(self, request: str) -> Fault | None:
        """The fault for a request such as `POST /api/datasets/me/results/commit/main`, used up once."""
        with self._guard:
            for fault in self._waiting:
                if re.search(fault.on, request):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
