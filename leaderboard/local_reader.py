"""Reading a local store: its prepared tables while they are as new as its results, else tables scored anew."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from leaderboard.prepared import compute_track, file_reader, known_track, problem, read_track
from leaderboard.snapshot import Snapshot, now
from leaderboard.track_data import TrackData
from suite.errors import BreadthError, StoreError
from suite.intake.record import read_records, versions_on
from suite.stores.aggregates import results_digest
from suite.stores.local import LocalStore
from suite.stores.protocol import Skipped
from suite.stores.records import is_safe

Files = tuple[tuple[str, int, int], ...]
"""Path, size and time of change (nanoseconds) of some files, in the order of the paths."""


@dataclass(frozen=True)
class Listing:
    """What lies in a store of one track; two that are equal have the same content."""

    results: Files
    versions: tuple[str, ...]
    others: Files

    @property
    def digest(self) -> str:
        """The digest of the records that tables made now would state."""
        return results_digest([*(path for path, _, _ in self.results), *self.versions])


@dataclass(frozen=True)
class Seen:
    """What came of reading a track: its data, where there are any, and what kept them from being as they should be."""

    listing: Listing
    data: TrackData | None
    problems: tuple[Skipped, ...] = ()


class LocalReader:
    """Reads a store in a folder of this machine."""

    def __init__(self, store: LocalStore):
        self.url = store.url
        self.folder = store.folder
        self._store = store
        self._read = file_reader(store.folder)
        self._seen: dict[str, Seen] = {}

    def look(self, stopping: threading.Event) -> Snapshot:
        """The store as it is now. What goes wrong with one track leaves the others as they are.

        Raises StoreError when the folder has gone: a disk that is away for a while does not empty the page.
        """
        if self._seen and not self.folder.is_dir():
            raise StoreError(f"There is no folder {self.folder} any more; this is what it held.")
        seen: dict[str, Seen] = {}
        submitted, _ = read_records(self._store)
        for name in self._names():
            versions = versions_on(name, submitted)
            listing = Listing(tuple(self._results(name)), tuple(versions), tuple(self._others(name)))
            before = self._seen.get(name)
            # What failed is not tried again before something has changed: scoring may take minutes.
            seen[name] = before if before and before.listing == listing else self._track(name, listing, stopping)
            if stopping.is_set():
                break
            if seen[name].data is None and before is not None:
                seen[name] = replace(seen[name], data=before.data)
        self._seen = seen
        tracks = {name: found.data for name, found in seen.items() if found.data is not None}
        problems = [line for found in seen.values() for line in found.problems]
        problems += [line for data in tracks.values() for line in data.problems]
        return Snapshot(self.url, tracks, now(), None if tracks else self._why_nothing(problems), tuple(problems))

    def _why_nothing(self, problems: list[Skipped]) -> str:
        if not self.folder.is_dir():
            return f"There is no folder {self.folder}. Make results with `breadth run`, or name another store."
        if problems:
            return f"{self.url} holds nothing that can be shown: {problems[0].path}: {problems[0].reason}."
        return f"{self.url} holds no results yet. Make some with `breadth run`."

    def _track(self, name: str, listing: Listing, stopping: threading.Event) -> Seen:
        facts = f"leaderboard/{name}.json"
        failed: tuple[Skipped, ...] = ()
        old: TrackData | None = None
        if (self.folder / facts).is_file():
            try:
                data, digest = read_track(name, self.folder, self.folder, self._read)
                if digest == listing.digest or not listing.results:
                    return Seen(listing, data)
                old = data
            except BreadthError as error:
                failed = (problem(facts, error),)
        if not listing.results:
            return Seen(listing, None, failed)
        if known_track(name) is None:
            state = "are older than its results" if old else "cannot be read" if failed else "were never made"
            advice = f"the tables of {name} {state}; run `breadth recompute --track FILE.toml --store {self.url}`"
            return Seen(listing, old, (*failed, Skipped(facts, advice)))
        try:
            return Seen(listing, compute_track(name, self.url, self.folder, self._read, stopping))
        except BreadthError as error:
            return Seen(listing, old, (*failed, problem(f"results/{name}", error)))

    def _names(self) -> list[str]:
        """The tracks of which there is anything."""
        names = {path.stem for path in (self.folder / "leaderboard").glob("*.json")}
        results = self.folder / "results"
        if results.is_dir():
            names |= {path.name for path in results.iterdir() if path.is_dir()}
        return sorted(name for name in names if is_safe(name))

    def _results(self, name: str) -> Iterator[tuple[str, int, int]]:
        return self._files(self.folder / "results" / name)

    def _others(self, name: str) -> Iterator[tuple[str, int, int]]:
        yield from self._files(self.folder / "studies" / name)
        for path in sorted((self.folder / "leaderboard").glob(f"{name}.*")):
            yield from self._one(path)

    def _files(self, start: Path) -> Iterator[tuple[str, int, int]]:
        """Every file of the store's below a folder; hidden ones are none of it."""
        found = []
        for place, folders, files in os.walk(start):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            found += [Path(place) / file for file in files if not file.startswith(".")]
        for path in sorted(found):
            yield from self._one(path)

    def _one(self, path: Path) -> Iterator[tuple[str, int, int]]:
        try:
            status = path.stat()
        except OSError:
            return  # gone between the listing and now: the next look sees it
        yield path.relative_to(self.folder).as_posix(), status.st_size, status.st_mtime_ns
