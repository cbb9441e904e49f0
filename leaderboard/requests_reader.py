"""Reading a store of requests for the page: what waits, what runs, what has ended, and who works, as of one moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from suite.errors import BreadthError, StoreError
from suite.intake.overview import Listing, Overview, overview, read_listing
from suite.intake.requests import Request
from suite.intake.run_log import LARGEST_LOG, scrubbed
from suite.intake.watch import utc_now
from suite.stores.hub.store import HubStore
from suite.stores.protocol import Store
from suite.stores.url import open_store, repository_name

LARGEST_SHOWN = 2 * LARGEST_LOG
"""Bytes of a log that are read at most: a worker writes no longer ones."""
Signature = frozenset[tuple[str, int, int]]
"""Path, size and time of change (nanoseconds) of every record."""


def no_log(request: Request) -> str:
    """The log of a request in a store that was never read."""
    raise StoreError(f"The log of {request.id} was not read yet.")


@dataclass(frozen=True)
class Requests:
    """A store of requests as it was last read. `as_of` is when it was last known to be all there is.

    Ages, places and the liveness of workers are those of that moment. `trouble` is why it may be long ago.
    """

    url: str
    listing: Listing = field(default_factory=Listing)
    as_of: datetime | None = None
    trouble: str | None = None
    log: Callable[[Request], str] = no_log
    """The log of a request's latest attempt that ended, empty without one. Raises BreadthError."""

    @cached_property
    def view(self) -> Overview:
        """What there is to see."""
        return overview(self.listing, self.as_of or utc_now())


class RequestsReader:
    """Reads one store of requests, on the Hub or in a folder; not for several threads at once."""

    def __init__(self, url: str):
        self.store = open_requests(url)
        self._seen: tuple[Signature, Listing] | None = None

    def look(self) -> Requests:
        """The requests as the store has them now (while the Hub is away: as they were last seen)."""
        store = self.store
        if isinstance(store, HubStore):
            store.refresh()
        signature = frozenset(self._records())
        if self._seen is None or self._seen[0] != signature:
            self._seen = (signature, read_listing(store))
        as_of = utc_now() if store.trouble is None else store.as_of
        return Requests(store.url, self._seen[1], as_of, store.trouble, self._log)

    def _records(self) -> Iterator[tuple[str, int, int]]:
        for name in ("requests", "workers"):
            try:
                with os.scandir(self.store.folder / name) as entries:
                    for entry in entries:
                        if entry.name.endswith(".json"):
                            status = entry.stat()
                            yield f"{name}/{entry.name}", status.st_size, status.st_mtime_ns
            except OSError:
                continue  # no such folder, or a file that is gone by now: the listing itself says what cannot be read

    def _log(self, request: Request) -> str:
        target = self.store.folder / request.log_path
        try:
            with target.open("rb") as file:
                content = file.read(LARGEST_SHOWN)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StoreError(f"{request.log_path} cannot be read: {error.strerror or error}.") from error
        # A worker scrubs what it writes; whoever else may write here need not have.
        return scrubbed(content.decode("utf-8", "replace"))


def open_requests(url: str) -> Store:
    """The store of requests at a URL, without archives where it is mirrored. Raises StoreError."""
    return HubStore.for_requests(repository_name(url)) if url.startswith("hf:") else open_store(url)


def requests_beside(url: str) -> str | None:
    """The URL of a local store itself where it holds requests, too; None for any other."""
    store = open_store(url) if url.startswith("file:") else None
    return url if store is not None and (store.folder / "requests").is_dir() else None


def after_trouble(before: Requests, error: Exception) -> Requests:
    """What was last good, with what is wrong now."""
    said = str(error) if isinstance(error, BreadthError) else f"{type(error).__name__}: {error}"
    return replace(before, trouble=said)
