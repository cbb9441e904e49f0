"""The prepared tables of a track, as files of a store: what `breadth recompute` writes and every publication renews."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suite.aggregate import Board
    from suite.aggregate.moments import TableMoments
    from suite.results import Result
    from suite.stores import Store
    from suite.track import Track


def board_files(
    board: Board, moments: Sequence[TableMoments] | None, results: Sequence[Result], digest: str = ""
) -> dict[str, bytes]:
    """A board's rows, what explains them, a line a result, and the moments of its tables, by their paths in a store.

    `results` are those the board was made from, `digest` says which files they lay in.
    """
    from suite.aggregate.cells import cells_of, cells_parquet
    from suite.aggregate.moments_file import moments_parquet
    from suite.aggregate.prepared import as_parquet, facts_json

    tables = {"parquet": as_parquet(board), "cells.parquet": cells_parquet(cells_of(results, board.registration))}
    if moments is not None:
        tables["moments.parquet"] = moments_parquet(moments, digest)
    files = {**tables, "json": facts_json(board, digest, tables).encode()}
    return {f"leaderboard/{board.track}.{ending}": content for ending, content in files.items()}


def prepare(track: Track, store: Store, version: str | None = None) -> tuple[Board, dict[str, bytes]]:
    """A track's board from the results of a store, under a score version (the latest), and its files."""
    from suite.commands.board import board_with_moments
    from suite.stores.aggregates import results_digest

    # Listed before anything is read: a record that comes in between makes the tables old, not the other way round.
    digest = results_digest(store.paths(f"results/{track.name}/"))
    results = list(store.results(track.name))
    board, moments = board_with_moments(track, store, results, version)
    return board, board_files(board, moments, results, digest)


def track_files(track: Track, store: Store) -> dict[str, bytes]:
    """Everything the page reads of a track: its board under the latest score version, and its kept studies."""
    from suite.stores.aggregates import study_files

    board, files = prepare(track, store)
    return (files if board.results else {}) | study_files(store, track.name)
