"""What a report is written from: a track, its board, the results behind it, and the outcomes of studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from suite.errors import StoreError
from suite.studies.kept import KeptStudy, read_kept

if TYPE_CHECKING:
    from suite.aggregate import Board, Table
    from suite.results import Result
    from suite.track import Track

Kept = TypeVar("Kept", bound=KeptStudy)


@dataclass(frozen=True)
class Material:
    """A track's board and results; `store_folder` holds kept studies.

    `asked` is the track as it was written on the command line, `elsewhere` the other tracks that the store has results
    of, with their boards.
    """

    track: Track
    board: Board
    results: Sequence[Result]
    store_folder: Path
    asked: str
    elsewhere: Mapping[str, tuple[Track, Board]] = field(default_factory=dict)

    @cached_property
    def used(self) -> list[Result]:
        """The results of this version of the track."""
        return [result for result in self.results if result.cell.track_identity == self.track.identity]

    @property
    def main_table(self) -> Table | None:
        """The table that headlines speak of."""
        return main_table(self.track, self.board)

    def kept(self, name: str, kind: type[Kept]) -> tuple[Kept | None, str]:
        """The outcome of a study, or None with the reason why it cannot be shown (empty where it was not run)."""
        try:
            return read_kept(self.store_folder, self.track.name, name, kind), ""
        except StoreError as error:
            # One damaged file must not take the rest of the report away.
            return None, str(error)

    def counted(self, of: str) -> list[tuple[str, int]]:
        """The different values of a fact over the used results, with how many have it; most frequent first."""
        facts = {
            "pool": lambda result: result.hashes.pool,
            "hardware": lambda result: result.cost.hardware,
            "engine": lambda result: result.engine,
        }
        return Counter(facts[of](result) for result in self.used).most_common()

    def versions(self) -> dict[str, list[str]]:
        """Every library that results name, with each version it had; those that trained are named apart."""
        found: dict[str, set[str]] = {}
        for result in self.used:
            trained = result.training.versions if result.training else {}
            named = {**result.versions, **{f"{name} (training)": version for name, version in trained.items()}}
            for name, version in named.items():
                found.setdefault(name, set()).add(version)
        return {name: sorted(versions) for name, versions in sorted(found.items())}


def main_table(track: Track, board: Board) -> Table | None:
    """The table a track is known by: the default budget, then the one with the most ranked rows."""
    return max(
        board.tables,
        key=lambda table: (
            table.budget == track.default_budget,
            sum(row.rank is not None for row in table.rows),
            len(table.rows),
        ),
        default=None,
    )
