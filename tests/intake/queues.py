"""Queues for tests: a clock that is set by hand, submissions that ask for a track, and stores of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from factories import result

from suite.intake.queue import Queue
from suite.intake.requests import Declared, Request, WorkerRecord
from suite.intake.watch import Watch
from suite.results import Result

START = datetime(2026, 1, 1, tzinfo=UTC)
CELLS = 3


class Clock:
    """A time that passes when it is told to; one machine's clock may be off by `offset`."""

    def __init__(self, offset: timedelta = timedelta(0)):
        self.passed = timedelta(0)
        self.offset = offset

    def __call__(self) -> datetime:
        return START + self.passed + self.offset

    def monotonic(self) -> float:
        """Seconds of this clock that nobody sets."""
        return self.passed.total_seconds()

    def tick(self, **span: float) -> None:
        """Let time pass."""
        self.passed += timedelta(**span)


def wanted(name: str = "my-method", version: str = "1.0", *tracks: str) -> Declared:
    """What a submission asks for: one budget of `microworld` unless tracks are given."""
    asked = dict.fromkeys(tracks or ("microworld",), (500,))
    return Declared(name=name, version=version, kind="index-only", tracks=asked)


def submitted(queue: Queue, name: str = "my-method", author: str = "ada", **facts: object) -> Request:
    """A request that was queued just now."""
    request, new = queue.submit(f"archive of {name}".encode(), wanted(name), author=author, **facts)  # type: ignore[arg-type]
    assert new
    return request


def worker(name: str, *tracks: str) -> WorkerRecord:
    """What a worker says of itself at the start."""
    return WorkerRecord(
        name=name, tracks=tracks or ("microworld",), started_at=START, seen_at=START, silent_seconds=3600
    )


def watch(clock: Clock) -> Watch:
    """An observer that lives by a clock of the tests."""
    return Watch(clock=clock, monotonic=clock.monotonic)


def claim(queue: Queue, name: str, observer: Watch | None = None) -> Request | None:
    """What a worker of that name gets now."""
    return queue.claim_next(worker(name), watch=observer or Watch())


def cell_result(name: str, number: int) -> Result:
    """The result of one cell of a submission: the same bytes whoever computes it."""
    return result(spec=name, training_seed=number)
