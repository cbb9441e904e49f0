"""Reading a store on the Hub: its prepared tables and kept studies, mirrored; nothing is scored here.

Results are not mirrored, for a page shows 10,000 of them by their tables: a single one is fetched when it is asked for.
"""

from __future__ import annotations

import threading

from leaderboard.prepared import problem, read_track
from leaderboard.snapshot import Snapshot
from leaderboard.track_data import TrackData
from suite.errors import BreadthError
from suite.stores.hub.store import HubStore
from suite.stores.protocol import Skipped

FOLDERS = ("leaderboard", "correlations", "studies")
Versions = frozenset[tuple[str, str]]


class HubReader:
    """Reads the tables that every publication renews."""

    def __init__(self, name: str):
        self._store = HubStore.for_reader(name, FOLDERS)
        self.url = self._store.url
        self._seen: dict[str, tuple[Versions, TrackData | None, tuple[Skipped, ...]]] = {}

    def look(self, stopping: threading.Event) -> Snapshot:
        """The store as the mirror has it, which stays as it was while the Hub is away."""
        self._store.refresh()
        versions = self._store.versions
        names = sorted(path.split("/")[1].removesuffix(".json") for path in versions if _is_facts(path))
        self._seen = {name: self._track(name) for name in names}
        tracks = {name: data for name, (_, data, _) in self._seen.items() if data is not None}
        problems = [line for _, _, failed in self._seen.values() for line in failed]
        problems += [line for data in tracks.values() for line in data.problems]
        trouble = self._store.trouble
        if trouble is None and not names:
            trouble = f"{self.url} holds no tables yet. Make them with `breadth recompute --store {self.url}`."
        return Snapshot(self.url, tracks, self._store.as_of, trouble, tuple(problems))

    def _track(self, name: str) -> tuple[Versions, TrackData | None, tuple[Skipped, ...]]:
        files = frozenset(
            (path, version)
            for path, version in self._store.versions.items()
            if path.startswith((f"leaderboard/{name}.", f"studies/{name}/"))
        )
        before = self._seen.get(name)
        if before is not None and before[0] == files:
            return before
        folder = self._store.folder
        try:
            return files, read_track(name, folder, folder, self._store.fetch)[0], ()
        except BreadthError as error:
            return files, before[1] if before else None, (problem(f"leaderboard/{name}.json", error),)


def _is_facts(path: str) -> bool:
    return path.startswith("leaderboard/") and path.endswith(".json") and path.count("/") == 1
