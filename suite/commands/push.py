"""`breadth push`: publish what waits on this disk, or a whole local store, to the Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import BreadthError, HubUnavailable, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from suite.commands.display import Display
    from suite.stores.hub.store import HubStore
    from suite.track import Track


def push(
    store: Annotated[
        str | None, typer.Option(help="Where to, as hf://datasets/ORG/NAME. Default: wherever results wait for.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Publish the results of this store too, such as file:FOLDER.")
    ] = None,
    track: Annotated[str | None, typer.Option(help="Of --from, only the results of this track.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Create the repository if there is none.")] = False,
    private: Annotated[bool, typer.Option("--private", help="With --create: only its members may see it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published, no more.")] = False,
) -> None:
    """Publish results that wait on this disk because the Hub could not be reached, or those of a local store.

    Results go up in commits of at most 100 files; what is there already is left alone, so that a push can be stopped
    and repeated. Sign in first with `hf auth login`, or set HF_TOKEN.

    Examples:

      breadth push

      breadth push --store hf://datasets/my-org/results

      breadth push --store hf://datasets/my-org/results --from file:my-results --create
    """
    from rich.console import Console

    from suite.commands.display import Display

    if store is None and (source or create):
        raise UsageError("--from and --create need --store hf://datasets/ORG/NAME.")
    if private and not create:
        raise UsageError("--private says how to create a repository, and so needs --create.")
    if track and not source:
        raise UsageError("--track chooses among the results of --from, which is not given.")
    console = Console(soft_wrap=True)
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        stores = _targets(store)
        if not stores:
            console.print("Nothing waits to be published.")
        left = 0
        for target in stores:
            if dry_run:
                _announce(target, source, track, console)
                continue
            if create:
                target.create(private=private)
            tracks = _take(target, source, track, display) if source else set()
            left += _publish(target, tracks, display, console)
    if left:
        raise HubUnavailable("Not everything was published; the reasons stand above. Push again when they are mended.")


def _targets(store: str | None) -> list[HubStore]:
    from suite.stores import open_store
    from suite.stores.hub.store import hub_store, spooled_stores

    return [hub_store(open_store(store))] if store else spooled_stores()


def _announce(target: HubStore, source: str | None, track: str | None, console: Console) -> None:
    from suite.stores import open_store

    console.print(f"{target.waiting():,} results wait for {target.url}.", highlight=False)
    if source:
        opened = open_store(source)
        found = sum(1 for _ in opened.results(track))
        console.print(f"{found:,} results lie in {opened.url}; what is new would go too.", highlight=False)


def _take(target: HubStore, source: str, track: str | None, display: Display) -> set[str]:
    """Put a store's results into the spool of `target`, its kept studies beside them; returns their tracks."""
    from suite.atomic import write_bytes
    from suite.stores import open_store
    from suite.stores.aggregates import kept_studies

    opened = open_store(source)
    # Where the Hub has a record already, that one stays: it need not go through the spool.
    target.refresh()
    found = list(opened.results(track))
    progress = display.work("reading")
    for done, result in enumerate(found, 1):
        target.put(result)
        progress(done, len(found))
    for skipped in opened.skipped:
        display.say(f"Left out: {skipped.path}: {skipped.reason}")
    tracks = {result.cell.track for result in found}
    for name in tracks:
        for path, file in kept_studies(opened, name).items():
            write_bytes(target.folder / path, file.read_bytes())
    return tracks


def _installed(names: list[str], display: Display) -> list[Track]:
    """The tracks of these names that are known here; tables of the others are left to those who have them."""
    from suite.track import load_track, track_names

    for name in sorted(set(names) - set(track_names())):
        display.say(
            f"The tables of track {name} were not renewed, for its file is not part of Breadth: run `breadth "
            f"recompute --track FILE.toml --store URL`."
        )
    return [load_track(name) for name in names if name in track_names()]


def _publish(target: HubStore, tracks: set[str], display: Display, console: Console) -> int:
    """Publish one spool, renew the tables of its tracks and of `tracks`; returns how much is left undone."""
    from suite.commands.publication import renew_tables, report

    touched = sorted(tracks | {path.split("/")[1] for path in target.spool.sizes()})
    confirmed = 0
    tables: list[str] = []
    trouble: str | None = None
    progress = display.work(f"publishing to {target.url}")

    def count(done: int, total: int) -> None:
        nonlocal confirmed
        confirmed = done
        progress(done, total)

    try:
        target.publish(progress=count)
        tables, trouble = renew_tables(target, _installed(touched, display))
    except BreadthError as error:
        trouble = str(error)
    report(console, target, confirmed, tables, trouble)
    if not confirmed and not tables and not trouble and not target.waiting():
        console.print(f"{target.url} has everything.", highlight=False)
    return target.waiting() or int(trouble is not None)
