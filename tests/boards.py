"""Pages of boards from made-up or committed results: what a view is given, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from factories import experiment
from reports import EFFECTS, of_track, stored

from leaderboard.address import Address
from leaderboard.page import Page
from leaderboard.prepared import file_reader
from leaderboard.source import Snapshot
from leaderboard.track_data import TrackData
from suite.aggregate.cells import cells_of
from suite.commands.board import board_of
from suite.results import Result
from suite.stores import LocalStore
from suite.track import Track, load_track

COMMITTED = Path(__file__).parents[1] / "docs" / "results" / "store"


def track_data(store: LocalStore, track: Track) -> TrackData:
    """A track of a local store as the page holds it."""
    results = list(store.results(track.name))
    board = board_of(track, store, results)
    return TrackData(
        board,
        cells_of(results, board.registration),
        track=track,
        folder=store.folder,
        read=file_reader(store.folder),
    )


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
