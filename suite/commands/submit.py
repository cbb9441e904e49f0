"""`breadth submit`: check a submission, show what will be sent, and queue it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import BreadthError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from suite.intake.admission import Tracks
    from suite.intake.check import Report
    from suite.stores import Store


def submit(
    path: Annotated[Path, typer.Argument(help="A submission's folder, or its archive.")],
    requests: Annotated[
        str | None, typer.Option(help="Where requests go: file:FOLDER or hf://datasets/ORG/NAME.")
    ] = None,
    author: Annotated[
        str | None, typer.Option(help="Your name on a local board; on the Hub you are signed in.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(help="A track file of your own, beside the tracks of the board; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False,
) -> None:
    """Check a submission, show what will be sent, and send it.

    To a local store it is queued at once. To the Hub it goes as a pull request on the requests dataset, under the
    account that `hf auth login` signed in: a worker checks it by the same rules and queues it.

    Examples:

      breadth submit my-method

      breadth submit my-method --requests hf://datasets/my-org/requests
    """
    from rich.console import Console

    from suite.commands.queue_lines import requests_url
    from suite.intake.admission import surroundings
    from suite.intake.check import check
    from suite.intake.identity import who
    from suite.intake.overview import read_listing
    from suite.stores import open_store
    from suite.track import load_track

    console = Console(soft_wrap=True)
    store = open_store(requests_url(requests))
    name = who(store, author)
    own = {loaded.name: loaded for loaded in map(load_track, track or ())}
    listing = read_listing(store)
    if store.trouble:
        console.print(f"{store.trouble} The check knows the names of an earlier look only.", highlight=False)
    report = check(path, surroundings(listing, name, own))
    if not report.passed:
        for problem in report.problems:
            console.print(str(problem), markup=False, highlight=False)
        raise UsageError(
            f"{path} breaks {len(report.problems)} rule(s), and was not sent. `breadth check {path}` again."
        )
    _announce(report, store, name, own, console)
    if not yes and not typer.confirm("Send it?"):
        raise BreadthError("Nothing was sent.")
    _send(report, store, name, own, console)


def _announce(report: Report, store: Store, name: str, tracks: Tracks, console: Console) -> None:
    from suite.intake.admission import needs_approval, wanted_of

    wanted = wanted_of(report, tracks)
    console.print(f"{wanted.name} {wanted.version} ({wanted.kind}), sent by {name} to {store.url}:", highlight=False)
    for file, content in sorted(report.files.items()):
        console.print(f"  {file}: {len(content):,} bytes", highlight=False)
    for track, sizes in wanted.tracks.items():
        console.print(f"  track {track}: budget {', '.join(f'{size:,}' for size in sizes)}", highlight=False)
    console.print(f"  sha256 {report.sha256}", highlight=False)
    for open_question in report.unchecked:
        console.print(f"  not checked here: {open_question}", markup=False, highlight=False)
    if needs_approval(wanted, tracks):
        console.print("  A track costs more than an hour of GPU: it waits for a maintainer's word.")
    if wanted.kind == "code":
        console.print("  Everybody can read the code that you send.")


def _send(report: Report, store: Store, name: str, tracks: Tracks, console: Console) -> None:
    from suite.intake.admission import submit as queue_it
    from suite.intake.archive import pack
    from suite.intake.queue import Queue
    from suite.stores.hub.store import HubStore

    if isinstance(store, HubStore):
        from suite.intake.pull_requests import send

        assert report.submission is not None
        title = f"Submit {report.submission.name} {report.submission.version}"
        proposal, new = send(store, pack(report.files), title=title, author=name)
        console.print(f"{'Opened' if new else 'Open already:'} pull request {proposal.number}: {proposal.url}")
        console.print(
            f"A worker answers there. Follow it with `breadth status --requests {store.url}`.", highlight=False
        )
        return
    request, new = queue_it(Queue(store), report, author=name, origin="breadth submit", tracks=tracks)
    if new:
        console.print(f"Queued as request {request.id}. Follow it with `breadth status {request.id}`.", highlight=False)
    else:
        console.print(f"This is request {request.id} already, and {request.state}: nothing was sent.", highlight=False)
