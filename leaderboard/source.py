"""Where the page's data come from: a store, looked at in the background, and the last good state of it for readers.

Whatever is wrong with the store, the page stays up: `Snapshot.trouble` and `Snapshot.problems` say what is wrong
where, and what was good before goes on being shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from leaderboard.requests_reader import Requests, RequestsReader, after_trouble
from leaderboard.snapshot import Snapshot
from suite.errors import BreadthError

LOOK_EVERY = 30.0
"""Seconds between two looks at a store."""
FIRST_LOOK = 60.0
"""Seconds that a start waits for the first look at most; whatever takes longer arrives in the background."""


class Reader(Protocol):
    """Reads one kind of store."""

    url: str

    def look(self, stopping: threading.Event) -> Snapshot:
        """The store as it is now, with what it was last good for wherever it fails. Raises BreadthError."""


class Source:
    """The last good snapshot of a store (and of one of requests), renewed by threads; safe to read from any thread.

    Nothing is raised by a store that is unreachable, empty, private or damaged, not even at the start.
    """

    def __init__(self, url: str, *, requests: str | None = None, seconds: float = LOOK_EVERY):
        self._seconds = seconds
        self._snapshot = Snapshot(url)
        self._requests = Requests(requests) if requests else None
        self._reader: Reader | None = None
        self._requests_reader: RequestsReader | None = None
        self._reading_requests = threading.Lock()
        self._looked = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def snapshot(self) -> Snapshot:
        """What was last good; never waits for anything and never raises."""
        return self._snapshot if self._requests is None else replace(self._snapshot, requests=self._requests)

    def start(self, wait: float = FIRST_LOOK) -> None:
        """Begin to look at the store; returns when the first look is over, or after `wait` seconds."""
        if not self._threads:
            # Each has its own: results that take minutes to score do not keep the queue from being current.
            looks = [self.refresh, *([self.refresh_requests] if self._requests is not None else [])]
            self._threads = [
                threading.Thread(target=self._run, args=[look], name=f"source: {look.__name__}", daemon=True)
                for look in looks
            ]
            for thread in self._threads:
                thread.start()
        if not self._looked.wait(wait) and self._snapshot.trouble is None:
            self._snapshot = replace(self._snapshot, trouble=f"{self._snapshot.url} is still being read.")

    def stop(self) -> None:
        """End the looking; what was last good stays readable."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

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

    def refresh_requests(self) -> None:
        """Look at the requests now, in the caller's own time; raises nothing."""
        with self._reading_requests:
            if self._requests is None:
                return
            try:
                if self._requests_reader is None:
                    self._requests_reader = RequestsReader(self._requests.url)
                self._requests = self._requests_reader.look()
            except Exception as error:
                # As with the results: what was last good, and what is wrong now.
                self._requests = after_trouble(self._requests, error)

    def _run(self, look: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            look()
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
