"""The queue in words and tables: shared by `breadth queue`, `status`, `submit` and `withdraw`."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from suite.errors import UsageError
from suite.intake.overview import Listing, Overview, WorkerState, asked_for, span
from suite.intake.requests import Request
from suite.plain_text import visible

if TYPE_CHECKING:
    from rich.console import Console

LATEST_ENDED = 10


def requests_url(written: str | None) -> str:
    """Where requests live: as given, else in the default local store."""
    from suite.home import default_store

    return written or default_store()


def the_one(listing: Listing, written: str) -> Request:
    """The one request that is meant by an id, its beginning, or a name. Raises UsageError for none or several.

    Of several requests of one name the active one is meant, else the latest.
    """
    found = listing.named(written)
    if not found:
        raise UsageError(f"There is no request {written!r}. `breadth queue` lists them.")
    if len(found) > 1 and found[0].wanted.name != written:
        raise UsageError(f"{written!r} begins {len(found)} ids: {', '.join(request.id for request in found)}.")
    return next((request for request in found if request.active), found[-1])


def print_request(request: Request, view: Overview, now: datetime, console: Console) -> None:
    """One request with everything that is known of it."""
    wanted = request.wanted
    lines = [
        ("request", f"{request.id}: {wanted.name} {wanted.version} ({wanted.kind}) by {request.author}"),
        ("asks for", asked_for(request)),
        ("state", _state(request, view, now)),
        ("attempts", f"{request.attempts}, of which {request.deaths} ended badly"),
        ("reason", request.reason),
        ("origin", request.origin),
    ]
    for label, text in lines:
        if text:
            console.print(Text(f"{label:<9} {visible(text)}"), highlight=False)
    console.print(Text("history"))
    for change in request.history:
        note = f": {change.note}" if change.note else ""
        console.print(Text(f"  {_clock(change.at)}  {change.state:<9}  by {change.by}{visible(note)}"))
    if request.stages:
        console.print(Text("stages"))
        for stage in request.stages[-LATEST_ENDED:]:
            console.print(Text(f"  {_clock(stage.at)}  {visible(stage.name)}"))


def print_queue(view: Overview, now: datetime, console: Console) -> None:
    """The whole queue: what runs, what waits, what ended lately, who serves."""
    if not (view.held or view.waiting or view.ended):
        console.print("No requests yet. `breadth submit PATH` sends one.")
    if view.held or view.waiting:
        table = _table("#", "request", "submission", "author", "asks for", "age", "state")
        for request in view.held:
            table.add_row("", *_cells(request, now), Text(_state(request, view, now)))
        for waiting in view.waiting:
            place = str(waiting.position) if waiting.position is not None else "-"
            table.add_row(place, *_cells(waiting.request, now), Text(_state(waiting.request, view, now)))
        console.print(table)
    if view.ended:
        table = _table("", "request", "submission", "author", "asks for", "age", "ended")
        for request in view.ended[:LATEST_ENDED]:
            first = request.reason.splitlines()[0] if request.reason else ""
            reason = f"{request.state}: {first}" if first else request.state
            table.add_row("", *_cells(request, now), Text(visible(reason)))
        console.print(table)
        if len(view.ended) > LATEST_ENDED:
            console.print(f"{len(view.ended) - LATEST_ENDED} more ended before; `--format json` lists all.")
    _print_workers(view, console)
    if view.turnaround is not None:
        console.print(f"Median time from submission to publication: {span(view.turnaround)}.", highlight=False)
    if view.future:
        console.print(f"{view.future} records were left out: only a newer Breadth reads them.", highlight=False)
    for skipped in view.skipped:
        if not skipped.future:
            console.print(Text(f"left out: {visible(skipped.path)}: {visible(skipped.reason)}"))


def as_plain(view: Overview) -> dict[str, Any]:
    """The queue as plain data for JSON."""
    return {
        "waiting": [
            {"position": one.position, "needs": one.needs, "request": one.request.model_dump(mode="json")}
            for one in view.waiting
        ],
        "held": [request.model_dump(mode="json") for request in view.held],
        "ended": [request.model_dump(mode="json") for request in view.ended],
        "workers": [
            {
                "alive": state.alive,
                "silent_seconds": state.silent_for.total_seconds(),
                "worker": state.worker.model_dump(mode="json"),
            }
            for state in view.workers
        ],
        "median_turnaround_seconds": view.turnaround.total_seconds() if view.turnaround is not None else None,
        "skipped": [dataclasses.asdict(one) for one in view.skipped],
        "future": view.future,
    }


def _print_workers(view: Overview, console: Console) -> None:
    if not view.workers:
        console.print("No worker has served this queue yet. `breadth worker` starts one.")
    for state in view.workers:
        console.print(Text(f"worker {_worker(state)}"))


def _worker(state: WorkerState) -> str:
    worker = state.worker
    doing = f"on {worker.request}" if worker.request else "idle"
    how = doing if state.alive else "stopped" if worker.stopped else "silent longer than it said"
    tracks = ", ".join(worker.tracks)
    kinds = "" if worker.sandbox else ", no code (it has no sandbox)"
    return f"{worker.name}: {how}; seen {span(state.silent_for)} ago; {worker.done} done; serves {tracks}{kinds}"


def _state(request: Request, view: Overview, now: datetime) -> str:
    if request.claim is not None:
        stage = f", {request.stages[-1].name}" if request.stages else ""
        since = span(now - request.claim.since)
        return visible(f"{request.state} by {request.claim.worker} for {since}{stage}")
    waiting = next((one for one in view.waiting if one.request.id == request.id), None)
    if waiting is None:
        return f"{request.state} (fault: {request.fault})" if request.fault else request.state
    place = f"queued, number {waiting.position}" if waiting.position is not None else "queued"
    return f"{place}; needs {waiting.needs}" if waiting.needs else place


def _cells(request: Request, now: datetime) -> tuple[Text, ...]:
    name = f"{request.wanted.name} {request.wanted.version}"
    age = span(now - request.submitted_at)
    return tuple(Text(visible(text)) for text in (request.id, name, request.author, asked_for(request), age))


def _clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("#", "age") else "left", overflow="fold")
    return table
