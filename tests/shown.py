"""What tests of the page's data share: an address as far as a table goes, and the results that are committed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.snapshot import Snapshot
from leaderboard.track_data import TrackData

COMMITTED = Path(__file__).parents[1] / "docs" / "results" / "store"


@dataclass(frozen=True)
class Choice:
    """An address, as far as a table goes."""

    budget: int | None = None
    base_model: str = ""
    tasks: tuple[str, ...] = ()


def only(snapshot: Snapshot) -> TrackData:
    """The one track of a snapshot."""
    [data] = snapshot.tracks.values()
    return data
