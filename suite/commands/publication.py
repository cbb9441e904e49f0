"""Publishing as part of a command: beside a run, or on its own; what came of it in one or two lines."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suite.errors import BreadthError, HubUnavailable

if TYPE_CHECKING:
    from rich.console import Console

    from suite.commands.display import Display
    from suite.stores import Store
    from suite.stores.hub.store import HubStore
    from suite.track import Track


class Publication:
    """What a run on a store on the Hub has published, and what waits."""

    def __init__(self, store: HubStore):
        self.store = store
        self.results = 0
        self.tables: list[str] = []
        self.trouble: str | None = None

    def report(self, console: Console) -> None:
        """Say what is on the Hub now, and how to bring the rest there."""
        report(console, self.store, self.results, self.tables, self.trouble)


@contextmanager
def published(store: Store, track: Track, display: Display) -> Iterator[Publication | None]:
    """Publish what the block puts into a store on the Hub, in the background; its tables when the block ends well.

    Gives None for any other store. Raises HubRefused before the block begins when the Hub lets nothing be written:
    that is better known before hours of work than after. An outage is told, and the block runs.
    """
    from suite.stores.hub.publishing import Publisher
    from suite.stores.hub.store import HubStore

    if not isinstance(store, HubStore):
        yield None
        return
    try:
        store.check(write=True)
    except HubUnavailable as error:
        display.say(f"{error} The run goes on; its results wait on this disk.")
    publication = Publication(store)
    publisher = Publisher(store, display.say, progress=display.work("publishing"))
    with publisher:
        yield publication
    publication.results, publication.trouble = publisher.published, publisher.trouble
    if publication.trouble is None:
        publication.tables, publication.trouble = renew_tables(store, [track])


def renew_tables(store: HubStore, tracks: Iterable[Track]) -> tuple[list[str], str | None]:
    """Recompute and publish the tables of tracks; returns their paths, and what went wrong or None."""
    from suite.boards import track_files
    from suite.stores.aggregates import publish_tables

    written: list[str] = []
    try:
        for track in tracks:
            written += publish_tables(store, track.name, functools.partial(track_files, track, store))
    except BreadthError as error:
        return written, f"The tables were not renewed: {error}"
    return written, None


def report(console: Console, store: HubStore, results: int, tables: list[str], trouble: str | None) -> None:
    """Say what is on the Hub now, what waits, why, and how to bring it there."""
    if results or tables:
        also = f", and {', '.join(tables)}" if tables else ""
        console.print(f"Published to {store.url}: {_results(results)}{also}.", highlight=False, markup=False)
    for file in store.held_back:
        console.print(f"  held back: {file.path}: {file.reason}", highlight=False, markup=False)
    if trouble:
        console.print(trouble, highlight=False, markup=False)
    waiting = store.waiting()
    if waiting or trouble:
        console.print(
            f"{_results(waiting)} wait in {store.spool.folder}. "
            f"Publish them later with `breadth push --store {store.url}`.",
            highlight=False,
            markup=False,
        )


def _results(count: int) -> str:
    return f"{count:,} result" + ("" if count == 1 else "s")
