"""Where the page's data come from: a store, looked at in the background, and the last good state of it for readers.

Whatever is wrong with the store, the page stays up: `Snapshot.trouble` and `Snapshot.problems` say what is wrong
where, and what was good before goes on being shown.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from leaderboard.track_data import TrackData
from suite.errors import BreadthError
from suite.stores.protocol import Skipped

LOOK_EVERY = 30.0
"""Seconds between two looks at a store."""
FIRST_LOOK = 60.0
"""Seconds that a start waits for the first look at most; whatever takes longer arrives in the background."""


@dataclass(frozen=True)
class Snapshot:
    """A store as it was last good. `as_of` is when it was last known to be all there is, None when it never was.

    `trouble` is why that may be long ago, in one sentence, or None; `problems` are single files that cannot be shown.
    """

    url: str
    tracks: Mapping[str, TrackData] = field(default_factory=dict)
    as_of: datetime | None = None
    trouble: str | None = None
    problems: tuple[Skipped, ...] = ()


class Reader(Protocol):
    """Reads one kind of store."""

    url: str

    def look(self, stopping: threading.Event) -> Snapshot:
        """The store as it is now, with what it was last good for wherever it fails. Raises BreadthError."""


class Source:
    """The last good snapshot of a store, renewed by a thread of its own; safe to read from any thread.

    Nothing is raised by a store that is unreachable, empty, private or damaged, not even at the start.
    """

    def __init__(self, url: str, *, seconds: float = LOOK_EVERY):
        self._seconds = seconds
        self._snapshot = Snapshot(url)
        self._reader: Reader | None = None
        self._looked = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def snapshot(self) -> Snapshot:
        """What was last good; never waits for anything and never raises."""
        return self._snapshot

    def start(self, wait: float = FIRST_LOOK) -> None:
        """Begin to look at the store; returns when the first look is over, or after `wait` seconds."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="source", daemon=True)
            self._thread.start()
        if not self._looked.wait(wait) and self._snapshot.trouble is None:
            self._snapshot = replace(self._snapshot, trouble=f"{self._snapshot.url} is still being read.")

    def stop(self) -> None:
        """End the looking; what was last good stays readable."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def refresh(self) -> None:
        """Look at the store now, in the caller's own time; raises nothing."""
        try:
            if self._reader is None:
                self._reader = open_reader(self._snapshot.url)
            self._snapshot = self._reader.look(self._stopping)
        except BreadthError as error:
            self._snapshot = replace(self._snapshot, trouble=str(error))
        except Exception as error:
            # A page that shows yesterday's data and says so is better than none; whoever runs it sees what it was.
            self._snapshot = replace(
                self._snapshot, trouble=f"{self._snapshot.url} could not be read: {type(error).__name__}: {error}"
            )
        finally:
            self._looked.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.refresh()
            self._stopping.wait(self._seconds)


def open_reader(url: str) -> Reader:
    """The reader of a store's URL. Raises StoreError when it is none."""
    if url.startswith("hf:"):
        from leaderboard.hub_reader import HubReader
        from suite.stores.url import repository_name

        return HubReader(repository_name(url))
    from leaderboard.local_reader import LocalReader
    from suite.stores import LocalStore, open_store

    store = open_store(url)
    assert isinstance(store, LocalStore)
    return LocalReader(store)


def now() -> datetime:
    """The time of a look."""
    return datetime.now(UTC)
