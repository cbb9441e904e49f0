"""Pages of boards from made-up or committed results: what a view is given, without a server."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from factories import experiment
from reports import EFFECTS, of_track, stored

from leaderboard.address import Address
from leaderboard.page import Page
from leaderboard.prepared import file_reader, read_track
from leaderboard.snapshot import Snapshot
from leaderboard.track_data import TrackData
from suite.atomic import write_bytes
from suite.boards import prepare
from suite.results import Result
from suite.stores import LocalStore
from suite.track import Track, load_track

COMMITTED = Path(__file__).parents[1] / "docs" / "results" / "store"


def track_data(store: LocalStore, track: Track) -> TrackData:
    """A track of a local store as the page holds it: prepared, written, and read back."""
    _, files = prepare(track, store)
    with tempfile.TemporaryDirectory() as place:
        for path, content in files.items():
            write_bytes(Path(place) / path, content)
        return read_track(track.name, store.folder, Path(place), file_reader(store.folder))[0]


def snapshot_of(store: LocalStore, *names: str) -> Snapshot:
    """The tracks of these names as the page holds them."""
    tracks = {name: track_data(store, load_track(name)) for name in names}
    return Snapshot(url=store.url, tracks=tracks, as_of=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))


def page_at(snapshot: Snapshot, **address: Any) -> Page:
    """The page of an address."""
    return Page.of(snapshot, Address(**address))


def made_up(folder: Path, results: Sequence[Result] | None = None, track: str = "microworld") -> Snapshot:
    """The board of these results (by default of `reports.EFFECTS`) as if a track of the wheel had made them."""
    chosen = load_track(track)
    return snapshot_of(stored(folder, of_track(experiment(EFFECTS) if results is None else results, chosen)), track)
