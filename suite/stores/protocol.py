"""What a store of results is: append-only, addressed by content, readable though strangers wrote into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from suite.results import Result


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over while reading: its path inside the store, and why."""

    path: str
    reason: str


class Store(Protocol):
    """Results under `results/<track>/<strategy>/<cell id>/<record id>.json`."""

    url: str
    skipped: list[Skipped]
    """What the latest `results` or `of_cell` passed over; complete once its iterator is exhausted."""
    superseded: int
    """How many records the latest `results` left out because a later record corrects them."""

    def put(self, result: Result) -> str:
        """Add a result and return its path inside the store; one that is there already is left as it is.

        Raises StorageError when nothing can be written.
        """

    def put_table(self, name: str, content: bytes) -> str:
        """Write `leaderboard/<name>`, whole or not at all, in place of an older one; return its path inside the store.

        Raises StorageError when nothing can be written.
        """

    def results(self, track: str | None = None) -> Iterator[Result]:
        """Every valid record (of one track), in the order of the paths, corrected ones left out."""

    def of_cell(self, cell_id: str) -> list[Result]:
        """The valid records of one cell."""
