"""Reading a store on the Hub: its prepared tables, mirrored; nothing is scored here."""

from __future__ import annotations

import threading

from leaderboard.prepared import file_reader, problem, read_track
from leaderboard.source import Snapshot
from leaderboard.track_data import TrackData
from suite.errors import BreadthError
from suite.stores.hub.store import HubStore
from suite.stores.protocol import Skipped


class HubReader:
    """Reads the tables that every publication renews."""

    def __init__(self, store: HubStore):
        self.url = store.url
        self._store = store
        self._read = file_reader(store.folder)
        self._tracks: dict[str, TrackData] = {}

    def look(self, stopping: threading.Event) -> Snapshot:
        """The store as the mirror has it, which stays as it was while the Hub is away."""
        self._store.refresh()
        folder = self._store.folder
        problems: list[Skipped] = []
        for path in sorted((folder / "leaderboard").glob("*.json")):
            try:
                self._tracks[path.stem], _ = read_track(path.stem, folder, folder, self._read)
            except BreadthError as error:
                problems.append(problem(f"leaderboard/{path.name}", error))
        problems += [line for data in self._tracks.values() for line in data.problems]
        return Snapshot(self.url, dict(self._tracks), self._store.as_of, self._store.trouble, tuple(problems))
