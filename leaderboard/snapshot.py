"""What the page shows: a store and a store of requests as they were last good, and what is wrong with them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from leaderboard.requests_reader import Requests
from leaderboard.track_data import TrackData
from suite.stores.protocol import Skipped


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
    requests: Requests | None = None
    """The board's requests; None where no store of them was named."""

    @property
    def url_in_commands(self) -> str:
        """The URL as a command on the page may hold it: nothing where it has characters that do not show."""
        return self.url if self.url.isprintable() else ""


def now() -> datetime:
    """The time of a look."""
    return datetime.now(UTC)
