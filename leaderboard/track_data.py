"""What the page knows of one track: its board, a line a record, and what is read when a view asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from suite.errors import StoreError
from suite.results import Result
from suite.stores.protocol import Skipped
from suite.stores.records import checked_path, read_record
from suite.studies.kept import KeptStudy, read_kept

if TYPE_CHECKING:
    from pathlib import Path

    from suite.aggregate import Board, Table
    from suite.aggregate.cells import Cells
    from suite.track import Track

Kept = TypeVar("Kept", bound=KeptStudy)


class Choice(Protocol):
    """What of an address chooses a table; an empty base model or budget None stands for the one of most rows."""

    @property
    def budget(self) -> int | None:
        """In samples."""

    @property
    def base_model(self) -> str:
        """Its name."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their names; none stands for all."""


class TrackData:
    """One track as it was last read; nothing of it changes, so that any number of readers may share it.

    `track` is the definition that comes with Breadth, None where the results are of a track (or a version of one)
    that does not. `problems` says what could not be read, and why.
    """

    def __init__(
        self,
        board: Board,
        cells: Cells,
        *,
        track: Track | None,
        folder: Path,
        read: Callable[[str], bytes],
        problems: tuple[Skipped, ...] = (),
    ):
        self.name = board.track
        self.title = track.title if track is not None else board.track
        self.track = track
        self.board = board
        self.cells = cells
        self.problems = problems
        self._folder = folder
        self._read = read
        self._kept: dict[str, tuple[Any, str]] = {}
        self._guard = threading.Lock()

    def table(self, choice: Choice) -> Table | None:
        """The table of a budget and base model; None where there is none."""
        return max(
            (
                table
                for table in self.board.tables
                if choice.budget in (None, table.budget) and choice.base_model in ("", None, table.base_model)
            ),
            key=lambda table: (
                self.track is not None and table.budget == self.track.default_budget,
                sum(row.rank is not None for row in table.rows),
                len(table.rows),
            ),
            default=None,
        )

    def result(self, path: str) -> Result:
        """The record at a path inside the store, read now. Raises StoreError when it is none of this track's."""
        if not checked_path(path).startswith(f"results/{self.name}/"):
            raise StoreError(f"{path} is no record of track {self.name}.")
        record = read_record(path, self._read(path))
        if isinstance(record, Skipped):
            raise StoreError(f"{path} cannot be shown: {record.reason}.")
        return record

    def kept(self, name: str, kind: type[Kept]) -> tuple[Kept | None, str]:
        """The outcome of a study, or None with the reason why it cannot be shown (empty where it was not run)."""
        with self._guard:
            if name not in self._kept:
                try:
                    self._kept[name] = (read_kept(self._folder, self.name, name, kind), "")
                except StoreError as error:
                    # One damaged file must not take the rest of the page away.
                    self._kept[name] = (None, str(error))
            return cast("tuple[Kept | None, str]", self._kept[name])
