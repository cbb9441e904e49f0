"""Watching leases: since when an observer has seen a claim without a sign of life, by its own clock alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from suite.atomic import write_text
from suite.intake.requests import Request

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class Watch:
    """What one observer has seen of the claims of others.

    Looking is enough: that a claim shows the same token and heartbeat as at an earlier look proves that there was no
    heartbeat in between, so an observer may sleep or end. With a `file` its successor on this machine goes on watching.
    """

    def __init__(
        self, file: Path | None = None, *, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic
    ):
        self._file, self._clock, self._monotonic = file, clock, monotonic
        self._since: dict[str, tuple[str, datetime, float | None]] = self._read()

    def look(self, requests: Iterable[Request]) -> dict[str, timedelta]:
        """How long each held request has been seen without change, by its id; zero at the first look."""
        now, tick = self._clock(), self._monotonic()
        before = dict(self._since)
        self._since = {}
        watched: dict[str, timedelta] = {}
        for request in requests:
            if request.claim is None:
                continue
            mark = f"{request.claim.token} {request.claim.heartbeat_at.isoformat()}"
            known, since, ticked = before.get(request.id, ("", now, tick))
            if known != mark or since > now:
                since, ticked = now, tick
            elapsed = now - since
            if ticked is not None:
                # A clock that was set forward between two looks must not age a lease.
                elapsed = min(elapsed, timedelta(seconds=tick - ticked))
            self._since[request.id] = (mark, since, ticked)
            watched[request.id] = elapsed
        if self._marks(before) != self._marks(self._since):
            self._write()
        return watched

    @staticmethod
    def _marks(seen: dict[str, tuple[str, datetime, float | None]]) -> dict[str, str]:
        return {identifier: mark for identifier, (mark, _, _) in seen.items()}

    def _read(self) -> dict[str, tuple[str, datetime, float | None]]:
        if self._file is None:
            return {}
        try:
            written = json.loads(self._file.read_bytes())
            # The ticks of another process mean nothing here.
            return {str(key): (str(mark), _aware(since), None) for key, (mark, since) in written.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # without its notes an observer watches from now on, and nothing else

    def _write(self) -> None:
        if self._file is not None:
            kept = {key: [mark, since.isoformat()] for key, (mark, since, _) in self._since.items()}
            write_text(self._file, json.dumps(kept))


def _aware(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
