"""What a reader of the queue sees: requests in their order, positions, workers and their liveness, turnaround.

For the command line and the page alike: it reads a store and imports nothing heavy.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from suite.intake.requests import LARGEST_RECORD, Kept, Request, WorkerRecord, read_record
from suite.stores.protocol import Skipped, Store, future_schema

TURNAROUND_OVER = 50
"""The median turnaround is that of so many latest published requests."""
CLOCKS_DIFFER = timedelta(minutes=10)
"""So much later than a worker promised its next sign of life may be without its being called silent."""


@dataclass
class Listing:
    """Every request and every worker in a store, and what was passed over while reading."""

    requests: list[Request] = field(default_factory=list)
    """In the order of submission."""
    workers: list[WorkerRecord] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def find(self, identifier: str) -> Request | None:
        """The request with that id, or None."""
        return next((request for request in self.requests if request.id == identifier), None)

    def named(self, written: str) -> list[Request]:
        """The requests that a person may mean: by id, by the beginning of an id (4 digits or more), or by name."""
        by_id = [request for request in self.requests if len(written) >= 4 and request.id.startswith(written)]
        return by_id or [request for request in self.requests if request.wanted.name == written]


@dataclass(frozen=True)
class Waiting:
    """A request that waits: its place among those that may run (None before a maintainer's word), and what for."""

    request: Request
    position: int | None
    needs: str
    """What keeps it, in words; empty where it is only its turn that has not come."""


@dataclass(frozen=True)
class WorkerState:
    """A worker, and whether it is well as far as its own words tell."""

    worker: WorkerRecord
    alive: bool
    silent_for: timedelta


@dataclass(frozen=True)
class Overview:
    """The queue at a moment."""

    waiting: tuple[Waiting, ...]
    held: tuple[Request, ...]
    ended: tuple[Request, ...]
    """Latest first."""
    workers: tuple[WorkerState, ...]
    turnaround: timedelta | None
    """The median from submission to publication; None before the first one."""
    skipped: tuple[Skipped, ...]

    @property
    def future(self) -> int:
        """How many records only a newer Breadth reads."""
        return future_schema(self.skipped)


def read_listing(store: Store) -> Listing:
    """All requests and workers as the store has them now (while it is away: as they were last seen)."""
    found = Listing()
    for path in store.paths("requests/"):
        if path.endswith(".json"):
            _collect(store, Request, path, found.requests, found.skipped)
    # The store was brought up to date a moment ago: what follows is read from this disk.
    for file in sorted((store.folder / "workers").glob("*.json")):
        if not file.name.startswith("."):
            _collect(store, WorkerRecord, f"workers/{file.name}", found.workers, found.skipped)
    found.requests.sort(key=lambda request: (request.submitted_at, request.id))
    return found


def overview(listing: Listing, now: datetime) -> Overview:
    """What there is to see at `now`."""
    workers = tuple(_state(worker, now) for worker in listing.workers)
    serving = [state.worker for state in workers if state.alive]
    waiting: list[Waiting] = []
    position = 0
    for request in listing.requests:
        if request.state != "queued":
            continue
        position += request.claimable
        waiting.append(Waiting(request, position if request.claimable else None, _needs(request, serving)))
    ended = [request for request in listing.requests if not request.active]
    return Overview(
        waiting=tuple(waiting),
        held=tuple(request for request in listing.requests if request.claim is not None),
        ended=tuple(sorted(ended, key=lambda request: request.history[-1].at, reverse=True)),
        workers=workers,
        turnaround=turnaround(listing.requests),
        skipped=tuple(listing.skipped),
    )


def serves(worker: WorkerRecord, request: Request) -> bool:
    """Whether a worker serves every track that a request asks for, and can isolate its code where it has any."""
    return _serves_tracks(worker, request) and (worker.sandbox or request.wanted.kind != "code")


def _serves_tracks(worker: WorkerRecord, request: Request) -> bool:
    return set(request.wanted.tracks) <= set(worker.tracks)


def turnaround(requests: list[Request]) -> timedelta | None:
    """The median time from submission to publication of the latest published requests; None without any."""
    done = sorted(
        (request.history[-1].at, request.submitted_at) for request in requests if request.state == "published"
    )
    # Two clocks wrote these: one that runs behind must not make a request finish before it was sent.
    spans = [max((end - begin).total_seconds(), 0.0) for end, begin in done[-TURNAROUND_OVER:]]
    return timedelta(seconds=statistics.median(spans)) if spans else None


def span(length: timedelta) -> str:
    """A length of time for people: `40 s`, `12 min`, `3.5 h`, `4 days`."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def asked_for(request: Request) -> str:
    """What is asked for: `microworld (500), mads-15pct (7,800)`."""
    parts = [f"{track} ({', '.join(f'{n:,}' for n in sizes)})" for track, sizes in request.wanted.tracks.items()]
    return ", ".join(parts)


def _needs(request: Request, serving: list[WorkerRecord]) -> str:
    if not request.claimable:
        return "a maintainer's word: a track it asks for costs more than an hour of GPU"
    if not any(_serves_tracks(worker, request) for worker in serving):
        return "a worker: none that lives serves " + ", ".join(sorted(request.wanted.tracks))
    if not any(serves(worker, request) for worker in serving):
        return "a worker with a sandbox for code: none that lives has one (`breadth doctor` there says how to get it)"
    return ""


def _state(worker: WorkerRecord, now: datetime) -> WorkerState:
    silent = now - worker.seen_at
    promised = timedelta(seconds=worker.silent_seconds) + CLOCKS_DIFFER
    return WorkerState(worker, not worker.stopped and silent <= promised, max(silent, timedelta(0)))


def _collect(store: Store, model: type[Kept], path: str, found: list[Kept], skipped: list[Skipped]) -> None:
    """Read one record, whatever lies there, into `found` or `skipped`."""
    file = store.folder / path
    try:
        if not file.is_file():
            return  # gone since it was listed, or no file at all
        if file.stat().st_size > LARGEST_RECORD:
            skipped.append(Skipped(path, f"larger than {LARGEST_RECORD // 2**10} KiB, the most such a record may have"))
            return
        record = read_record(model, path, file.read_bytes())
    except OSError as error:
        record = Skipped(path, f"cannot be read: {error.strerror or error}")
    if isinstance(record, Skipped):
        skipped.append(record)
    else:
        found.append(record)
