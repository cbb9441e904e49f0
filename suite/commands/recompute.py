"""`breadth recompute`: rebuild a track's leaderboard tables from the raw per-item values of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.options import TrackOption

if TYPE_CHECKING:
    from suite.aggregate import Board


def recompute(
    track: TrackOption = "microworld",
    score: Annotated[str | None, typer.Option(help="The score version; the latest by default.")] = None,
    store: Annotated[str | None, typer.Option(help="Where the results are, such as file:my-results.")] = None,
) -> None:
    """Rebuild the tables a leaderboard reads, under any score version; nothing is fine-tuned again.

    Writes leaderboard/TRACK.parquet (rows), TRACK.json (what explains them), TRACK.cells.parquet (a line a record) and
    TRACK.moments.parquet (what narrowing to some tasks takes) into the store, each whole or not at all. One file holds
    one score version. On the Hub the outcomes of studies that are kept here go up with them.

    Examples:

      breadth recompute --track microworld

      breadth recompute --track alpaca-cpu --score score_v1 --store file:my-results
    """
    from suite.aggregate.versions import LATEST, score_of
    from suite.boards import prepare
    from suite.commands.board import filled
    from suite.home import default_store
    from suite.stores import open_store
    from suite.stores.aggregates import publish_tables, study_files
    from suite.track import load_track

    version = score or LATEST
    score_of(version)  # a wrong name is said before anything is read
    chosen = load_track(track)
    opened = open_store(store or default_store())
    made: list[tuple[Board, dict[str, bytes]]] = []

    def compute() -> dict[str, bytes]:
        board, files = prepare(chosen, opened, version)
        made.append((filled(board, opened, track), files))
        return files | study_files(opened, chosen.name)

    publish_tables(opened, chosen.name, compute)
    board, files = made[-1]
    *others, last = sorted(files)
    rows = sum(len(table.rows) for table in board.tables)
    typer.echo(
        f"{board.score_version} of {board.results} results: {rows} rows in {len(board.tables)} "
        f"table{'' if len(board.tables) == 1 else 's'}, written to {', '.join(others)} and {last} of {opened.url}."
    )
