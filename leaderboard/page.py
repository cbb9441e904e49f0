"""What a view is given: the data as they were last good, the address, and the table that both come to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from leaderboard.address import Address

if TYPE_CHECKING:
    from leaderboard.snapshot import Snapshot
    from leaderboard.track_data import TrackData
    from suite.aggregate import Row, Table
    from suite.aggregate.cells import CellLine


@dataclass(frozen=True)
class Page:
    """One reader's page; pure, and cheap to make.

    `asked` is what the URL said. `address` is the same with track, budget and base model as they were found: links of
    a view are made from `asked`, so that a link says no more than its reader chose.
    """

    snapshot: Snapshot
    asked: Address
    data: TrackData | None
    address: Address
    notices: tuple[str, ...] = ()
    """What the address asked for and the data do not have, in sentences."""

    @classmethod
    def of(cls, snapshot: Snapshot, asked: Address) -> Page:
        """The page of an address; whatever it names that is not there is replaced by the default, and said."""
        notices = []
        data = snapshot.tracks.get(asked.track)
        if data is None:
            data = _default_track(snapshot)
            if asked.track and data is not None:
                notices.append(f"There are no results of track {asked.track} here; this is {data.name}.")
        if data is None:
            return cls(snapshot, asked, None, asked)
        places = [(table.base_model, table.budget) for table in data.board.tables]
        model, budget = _chosen(places, asked, data)
        if asked.base_model and asked.base_model != model:
            notices.append(f"No results on base model {asked.base_model} at that budget; this is {model}.")
        if asked.budget is not None and budget is not None and asked.budget != budget:
            notices.append(f"No results at a budget of {asked.budget:,}; this is {budget:,}.")
        known = {task.name for table in data.board.tables for task in table.tasks}
        if foreign := [task for task in asked.tasks if task not in known]:
            notices.append(f"Not among the tasks of {data.name}: {', '.join(foreign)}.")
        tasks = tuple(task for task in asked.tasks if task in known)
        found = asked.changed(track=data.name, budget=budget, base_model=model, tasks=tasks, at=asked.at)
        return cls(snapshot, asked, data, found, tuple(notices))

    @cached_property
    def table(self) -> Table | None:
        """The table of budget and base model, narrowed to the chosen tasks: ranks, intervals and verdicts are its own.

        Variants are in it, after `shown` has left them out.
        """
        return None if self.data is None else self.data.table(self.address)

    @cached_property
    def shown(self) -> tuple[Row, ...]:
        """The rows that the filters leave; they keep their ranks."""
        return tuple(row for row in self.rows if not self.why_hidden(row))

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row of the table."""
        return self.table.rows if self.table else ()

    def why_hidden(self, row: Row) -> str:
        """Why the filters leave a row out; empty where they do not."""
        address = self.address
        if row.variant and not address.variants:
            return "another setting of a strategy that is listed (variants)"
        kind = "reference" if row.reference else row.kind
        if address.kinds and kind not in address.kinds:
            return f"of kind {kind}"
        if address.levels and row.level not in address.levels:
            return f"of level {row.level}"
        if address.search and address.search.casefold() not in row.spec.casefold():
            return "not found by the search"
        return ""

    def behind(self, row: Row) -> list[CellLine]:
        """The records that stand behind a row of the table."""
        return self._by_spec.get(row.spec, [])

    @cached_property
    def _by_spec(self) -> dict[str, list[CellLine]]:
        found: dict[str, list[CellLine]] = {}
        table = self.table
        if self.data is not None and table is not None:
            for line in self.data.cells:
                if line.stands_in(table):
                    found.setdefault(line.spec, []).append(line)
        return found

    def link(self, **changes: object) -> str:
        """A link to the same page with other values."""
        return self.asked.changed(**changes).href


def _default_track(snapshot: Snapshot) -> TrackData | None:
    """The track with the most results; the first by name of several."""
    return max(
        (snapshot.tracks[name] for name in sorted(snapshot.tracks, reverse=True)),
        key=lambda data: data.board.results,
        default=None,
    )


def _chosen(places: list[tuple[str, int]], asked: Address, data: TrackData) -> tuple[str, int | None]:
    """The base model and budget of the table that fits best, what was asked for first."""
    default = data.track.default_budget if data.track is not None else None
    best = max(
        enumerate(places),
        key=lambda place: (
            place[1][0] == asked.base_model,
            place[1][1] == asked.budget,
            place[1][1] == default,
            -place[0],
        ),
        default=None,
    )
    return best[1] if best is not None else ("", None)
