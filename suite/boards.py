"""The board of a track from everything a store holds of it, and its prepared tables as files of that store.

Here meet the results, the records of submissions and the strategies that are installed; the scoring itself
(`suite.aggregate`) knows none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from suite.aggregate import Board, PluginFacts, Registration
from suite.aggregate.cells import Cells, cells_of, cells_parquet
from suite.aggregate.moments import TableMoments
from suite.aggregate.moments_file import moments_parquet
from suite.aggregate.prepared import as_parquet, facts_json
from suite.aggregate.versions import LATEST, scored
from suite.intake.names import built_in_names
from suite.intake.record import plugin_facts_of, read_records, versions_on
from suite.registry import strategies
from suite.stores.aggregates import results_digest, study_files
from suite.stores.protocol import Skipped

if TYPE_CHECKING:
    from suite.registry import Strategy
    from suite.results import Result
    from suite.stores import Store
    from suite.track import Track


def load_board(track: Track, store: Store) -> Board:
    """Read a track's results from a store and score them; what could not be read is counted on the board."""
    return board_of(track, store, list(store.results(track.name)))


def board_of(track: Track, store: Store, results: Sequence[Result]) -> Board:
    """The board of results that were just read from a store, which counts what it could not read."""
    return board_with_moments(track, store, results)[0]


def board_with_moments(
    track: Track, store: Store, results: Sequence[Result], known: Known | None = None, version: str = LATEST
) -> tuple[Board, tuple[TableMoments, ...] | None]:
    """The same, with the moments of its tables where the score version has such."""
    passed_over = list(store.skipped)
    known = known or known_facts(track, store)
    board, moments = scored(version, results, Registration.of(track), known.facts)
    skipped = tuple((skipped.path, skipped.reason) for skipped in (*passed_over, *known.unread))
    return replace(board, skipped=skipped, superseded=store.superseded), moments


class Known(NamedTuple):
    """What is known of strategies by name, a line for each submission's version, and the records that are none."""

    facts: dict[str, PluginFacts]
    versions: list[str]
    unread: list[Skipped]


def known_facts(track: Track, store: Store) -> Known:
    """What this machine and the submissions' records in a store know of a track's strategies."""
    submitted, unread = read_records(store)
    installed = built_in_names()
    facts = installed_facts() | {
        name: plugin_facts_of(record, track.name) for name, record in submitted.items() if name not in installed
    }
    return Known(facts, versions_on(track.name, submitted), unread)


def installed_facts() -> dict[str, PluginFacts]:
    """Level, kind and paper of every strategy that is installed here."""
    return {
        cls.info.name: PluginFacts(level=cls.info.level, kind=_kind(cls), paper=cls.info.paper) for cls in strategies
    }


def _board_files(board: Board, moments: Sequence[TableMoments] | None, cells: Cells, digest: str) -> dict[str, bytes]:
    """A board's rows, what explains them, a line a result, and the moments of its tables, by their paths in a store.

    `digest` says which files it was made from.
    """
    tables = {"parquet": as_parquet(board), "cells.parquet": cells_parquet(cells)}
    if moments is not None:
        tables["moments.parquet"] = moments_parquet(moments, digest)
    files = {**tables, "json": facts_json(board, digest, tables).encode()}
    return {f"leaderboard/{board.track}.{ending}": content for ending, content in files.items()}


def prepare(track: Track, store: Store, version: str | None = None) -> tuple[Board, dict[str, bytes]]:
    """A track's board from the results of a store, under a score version (the latest), and its files."""
    # Listed before anything is read: a record that comes in between makes the tables old, not the other way round.
    known = known_facts(track, store)
    digest = results_digest([*store.paths(f"results/{track.name}/"), *known.versions])
    results = list(store.results(track.name))
    board, moments = board_with_moments(track, store, results, known, version or LATEST)
    return board, _board_files(board, moments, cells_of(results, board.registration, known.facts), digest)


def track_files(track: Track, store: Store) -> dict[str, bytes]:
    """Everything the page reads of a track: its board under the latest score version, and its kept studies."""
    board, files = prepare(track, store)
    return (files if board.results else {}) | study_files(store, track.name)


def _kind(cls: type[Strategy]) -> str:
    if cls.index_only:
        return "index-only"
    if cls.__module__.startswith(("strategies.", "suite.")):
        return "built-in"
    return "code" if cls.source_sha256 else "plugin"
