"""What the page knows of one track: its board, a line a record, and what is read when a view asks for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from suite.aggregate.narrowing import narrowed, unranked
from suite.errors import StoreError
from suite.results import Result
from suite.stores.protocol import Skipped
from suite.stores.records import checked_path, read_record
from suite.studies.kept import KeptStudy, read_kept

if TYPE_CHECKING:
    from pathlib import Path

    from suite.aggregate import Board, Table
    from suite.aggregate.cells import Cells
    from suite.aggregate.moments import TableMoments
    from suite.aggregate.moments_file import MomentsFile
    from suite.track import Track

Kept = TypeVar("Kept", bound=KeptStudy)
Key = TypeVar("Key")
Value = TypeVar("Value")
MOST_MOMENTS = 2
"""Tables whose moments are held in memory: 13 MB each for 400 rows and 8 tasks."""
MOST_TABLES = 24


class _Recent(OrderedDict[Key, Value]):
    """The entries that were used last."""

    def __init__(self, most: int):
        super().__init__()
        self._most = most

    def put(self, key: Key, value: Value) -> None:
        """Keep an entry, and forget the one that was not used for longest when there are too many."""
        self[key] = value
        if len(self) > self._most:
            self.popitem(last=False)

    def __getitem__(self, key: Key) -> Value:
        self.move_to_end(key)
        return super().__getitem__(key)


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
        moments: MomentsFile | None = None,
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
        self._moments_file = moments
        self._moments: _Recent[int, TableMoments] = _Recent(MOST_MOMENTS)
        self._narrowed: _Recent[tuple[int, tuple[str, ...]], Table] = _Recent(MOST_TABLES)
        self._guard = threading.Lock()

    def table(self, choice: Choice) -> Table | None:
        """The table of a budget and base model, narrowed to the tasks chosen; None where there is none.

        Where it cannot be narrowed nothing is ranked, and `withheld` says why.
        """
        number = self._number(choice)
        if number is None:
            return None
        table = self.board.tables[number]
        tasks = tuple(task.name for task in table.tasks if task.name in choice.tasks)
        if not tasks or len(tasks) == len(table.tasks):
            return table
        with self._guard:
            if (number, tasks) not in self._narrowed:
                self._narrowed.put((number, tasks), self._narrow(number, table, tasks))
            return self._narrowed[number, tasks]

    def _number(self, choice: Choice) -> int | None:
        def place(number: int) -> tuple[bool, int, int]:
            table = self.board.tables[number]
            default = self.track is not None and table.budget == self.track.default_budget
            return default, sum(row.rank is not None for row in table.rows), len(table.rows)

        fitting = [
            number
            for number, table in enumerate(self.board.tables)
            if choice.budget in (None, table.budget) and choice.base_model in ("", table.base_model)
        ]
        return max(fitting, key=place, default=None)

    def _narrow(self, number: int, table: Table, tasks: tuple[str, ...]) -> Table:
        try:
            if self._moments_file is None:
                raise StoreError("what it takes was not prepared; `breadth recompute` does")
            if number not in self._moments:
                self._moments.put(number, self._moments_file.read(number))
            return narrowed(table, self._moments[number], tasks)
        except (StoreError, ValueError) as error:
            return unranked(table, tasks, f"the table cannot be narrowed to some tasks: {error}")

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
