"""`breadth report`: everything about a track in one HTML file that works without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.options import TrackOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suite.report.material import Material
    from suite.stores import Store
    from suite.track import Track


def report(
    track: TrackOption = "microworld",
    store: Annotated[str | None, typer.Option(help="Where the results are, such as file:my-results.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML file: who beats random, how sure, at what cost, and how to get the same numbers.

    It draws on results of `breadth run` and on kept studies (ladder, correlate, overlap, contamination); it computes
    no model anew, and names what was not run.

    Examples:

      breadth report --track microworld

      breadth report --track alpaca-cpu --store file:my-results -o alpaca-cpu.html
    """
    from suite.atomic import write_text
    from suite.errors import StoreError
    from suite.home import default_store
    from suite.report.page import report_page
    from suite.stores import open_store
    from suite.track import load_track

    definition = load_track(track)
    opened = open_store(store or default_store())
    material = gather(definition, opened, track)
    if not material.results:
        raise StoreError(
            f"The store {opened.url} holds no results of track {definition.name}. "
            f"Make some with `breadth run --track {track}`, or name another store with --store."
        )
    write_text(output, report_page(material))
    typer.echo(f"Written to {output}.", err=True)


def gather(track: Track, store: Store, asked: str) -> Material:
    """What a report of a track in a store is written from; `asked` is the track as it was written."""
    from suite.boards import board_of, load_board
    from suite.report.material import Material

    results = list(store.results(track.name))
    return Material(
        track=track,
        board=board_of(track, store, results).without_variants(),
        results=results,
        store_folder=store.folder,
        asked=asked,
        elsewhere={other.name: (other, load_board(other, store).without_variants()) for other in _others(track, store)},
    )


def _others(track: Track, store: Store) -> Iterator[Track]:
    """The built-in tracks beside this one that a store has results of."""
    from suite.track import load_track, track_names

    there = {path.split("/")[1] for path in store.paths("results/")}
    for name in track_names():
        if name in there and name != track.name:
            yield load_track(name)
