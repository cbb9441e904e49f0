"""The prepared tables of a track, as files of a store: what `breadth recompute` writes and every publication renews."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suite.aggregate import Board
    from suite.stores import Store
    from suite.track import Track


def board_files(board: Board) -> dict[str, bytes]:
    """The rows of a board and what explains them, by their paths in a store."""
    from suite.aggregate.prepared import as_parquet, facts_json

    return {
        f"leaderboard/{board.track}.parquet": as_parquet(board),
        f"leaderboard/{board.track}.json": facts_json(board).encode(),
    }


def track_files(track: Track, store: Store) -> dict[str, bytes]:
    """Everything the page reads of a track: its board under the latest score version, its kept correlations."""
    from suite.commands.board import load_board
    from suite.stores.aggregates import kept_correlations

    board = load_board(track, store)
    files = board_files(board) if board.results else {}
    kept = kept_correlations(store, track.name)
    if kept.is_file():
        files[f"correlations/{track.name}.json"] = kept.read_bytes()
    return files
