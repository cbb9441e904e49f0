"""The log of one attempt: what everybody may read of it, bounded in size, without secrets and control characters."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Mapping

from suite.intake.watch import Clock, utc_now
from suite.plain_text import is_visible
from suite.secret_looks import LOOKS

LARGEST_LOG = 256 * 2**10
"""Bytes; of a longer log the beginning and the end are kept."""
LONGEST_LINE = 2000
_SHORT_TOKENS = (r"\b(?:hf|api|sk|gh[pousr]|github_pat)_[A-Za-z0-9_]{8,}", r"(?<=Bearer )\S+")
_TOKEN = re.compile("|".join((*_SHORT_TOKENS, *LOOKS.values())))
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY", re.IGNORECASE)
_SHORTEST_SECRET = 8
_PLAIN = re.compile(r"[\t\n -~]*")


class RunLog:
    """Lines with the time of each; safe to write from several threads."""

    def __init__(self, *, largest: int = LARGEST_LOG, clock: Clock = utc_now):
        self._largest, self._clock = largest, clock
        self._secrets = secrets()
        self._guard = threading.Lock()
        self._head: list[bytes] = []
        self._tail: deque[bytes] = deque()
        self._head_size = self._tail_size = self._dropped = 0

    def say(self, text: str) -> None:
        """Add a text, line by line."""
        stamp = self._clock().isoformat(timespec="seconds")
        for line in scrubbed(text, self._secrets).split("\n"):
            self._add(f"{stamp} {line[:LONGEST_LINE]}\n".encode())

    def content(self) -> bytes:
        """The log as it is kept: UTF-8 text of at most `largest` bytes and one line that says what was left out."""
        with self._guard:
            gap = [f"... {self._dropped} lines left out ...\n".encode()] if self._dropped else []
            return b"".join([*self._head, *gap, *self._tail])

    def _add(self, line: bytes) -> None:
        half = self._largest // 2
        with self._guard:
            if not self._tail and self._head_size + len(line) <= half:
                self._head.append(line)
                self._head_size += len(line)
                return
            self._tail.append(line)
            self._tail_size += len(line)
            while self._tail_size > half:
                self._tail_size -= len(self._tail.popleft())
                self._dropped += 1


def secrets() -> dict[str, str]:
    """The values of environment variables that are called like secrets, and their names; longest first."""
    found = {
        value: name
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST_SECRET and _SECRET_NAME.search(name)
    }
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def scrubbed(text: str, known: Mapping[str, str] | None = None) -> str:
    """Text without tokens, without the values of secret environment variables, and without what steers a terminal."""
    for value, name in (secrets() if known is None else known).items():
        text = text.replace(value, f"[{name}]")
    text = _TOKEN.sub("[secret]", text)
    if _PLAIN.fullmatch(text):
        return text
    return "".join(letter if letter in "\n\t" or is_visible(letter) else f"\\u{{{ord(letter):x}}}" for letter in text)
