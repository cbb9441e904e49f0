"""The queue of requests: what waits and runs, what has ended and how, and who works; with an id, all about one."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from leaderboard.page import Page
from leaderboard.requests_reader import Requests
from leaderboard.views.nothing import PASSED_OVER
from leaderboard.views.one_request import one_request, submission, utc
from suite.intake.overview import Waiting, WorkerState, asked_for, span
from suite.intake.requests import Request
from suite.report.blocks import Block, Column, Command, Grid, Link, Paragraph, Value

NAME, TITLE = "queue", "Queue"
HOW_TO_READ = (
    "Requests run one after the other, the oldest first; each is claimed by one worker, whose heartbeat renews its "
    "hold. An attempt that ends without a word of its worker waits again; the third such death ends a request."
)
CONTROLS = ("search",)

ACTIVE = (
    Column("place", ",d"),
    Column("submission", role="name"),
    Column("author", role="short"),
    Column("state", role="short"),
    Column("stage, or what it waits for", key="stage"),
    Column("age (h)", ",.1f", 1 / 3600, key="age"),
    Column("asks for (samples)", key="asks-for"),
    Column("attempts", ",d"),
    Column("submitted (UTC)", role="short", key="submitted"),
    Column("request", role="short"),
)
ENDED = (
    Column("submission", role="name"),
    Column("author", role="short"),
    Column("ended as", role="short", key="state"),
    Column("reason"),
    Column("fault", role="short"),
    Column("took (h)", ",.1f", 1 / 3600, key="took"),
    Column("asks for (samples)", key="asks-for"),
    Column("attempts", ",d"),
    Column("ended (UTC)", role="short", key="ended"),
    Column("request", role="short"),
)
WORKERS = (
    Column("worker", role="name"),
    Column("state", role="short"),
    Column("works on", role="short"),
    Column("last sign of life (UTC)", role="short", key="seen"),
    Column("silent for (min)", ",.0f", 1 / 60, key="silent"),
    Column("requests done", ",d", key="done"),
    Column("serves"),
    Column("started (UTC)", role="short", key="started"),
)


def blocks(page: Page) -> Iterator[Block]:
    """The queue, or the request that the address names."""
    requests = page.snapshot.requests
    if requests is None:
        yield from nowhere(page)
        return
    yield from _trouble(requests)
    if page.asked.request:
        found = requests.listing.find(page.asked.request)
        if found is not None:
            yield from one_request(page, requests, found)
            return
        yield Paragraph(f"There is no request `{page.asked.request}` in {requests.url}; these are all.", "note")
    yield Paragraph(_counts(requests), "lead")
    moment = f" Times and ages are those of {utc(requests.as_of)} UTC." if requests.as_of else ""
    yield Paragraph(HOW_TO_READ + moment, "note")
    yield from _active(page, requests)
    yield from _workers(page, requests)
    yield from _ended(page, requests)
    yield from _passed_over(requests)


def filtered(page: Page) -> bool:
    """Whether there is a list of requests to search."""
    requests = page.snapshot.requests
    return requests is not None and bool(requests.listing.requests) and not page.asked.request


def nowhere(page: Page) -> Iterator[Block]:
    """A page that was given no store of requests, and how it gets one."""
    yield Paragraph("This page shows no requests: it was given no store of them.", "lead")
    yield Paragraph(
        "Name one when the page is started, or set the variable `BREADTH_REQUESTS` of a Space. A folder may be empty: "
        "the first submission makes it a store of requests."
    )
    store = page.snapshot.url_in_commands
    requests = store if store.startswith("file:") else "hf://datasets/ORG/NAME"
    yield Command(f"breadth leaderboard --store {shlex.quote(store)} --requests {shlex.quote(requests)}")


def _trouble(requests: Requests) -> Iterator[Block]:
    if requests.trouble:
        since = f" Shown is what was seen at {utc(requests.as_of)} UTC." if requests.as_of else ""
        yield Paragraph(f"{requests.url} cannot be read now: {requests.trouble}{since}", "note")


def _counts(requests: Requests) -> str:
    view = requests.view
    if not requests.listing.requests:
        return "No requests yet. `breadth submit FOLDER` sends one, and so does the Submit tab."
    ended = Counter(request.state for request in view.ended)
    parts = [f"{len(view.held):,} running", f"{len(view.waiting):,} waiting"]
    parts += [f"{ended[state]:,} {state}" for state in ("published", "failed", "withdrawn") if ended[state]]
    counts = f"Requests: {', '.join(parts)}."
    if view.turnaround is None:
        return counts
    return f"{counts} From submission to publication it takes {span(view.turnaround)} (median)."


def _active(page: Page, requests: Requests) -> Iterator[Block]:
    view, moment = requests.view, requests.as_of
    held = [_held(page, request, moment) for request in view.held if _found(page, request)]
    waiting = [_waits(page, one, moment) for one in view.waiting if _found(page, one.request)]
    total = len(view.held) + len(view.waiting)
    rows = (*held, *waiting)
    if total:
        muted = frozenset(place for place, row in enumerate(rows) if row[0] is None and place >= len(held))
        yield Grid("active", _title("Running and waiting", len(rows), total), ACTIVE, rows, muted)
    elif requests.listing.requests:
        yield Paragraph("Nothing waits and nothing runs.")


def _held(page: Page, request: Request, moment: datetime | None) -> tuple[Value, ...]:
    assert request.claim is not None
    stage = f"{request.stages[-1].name}, " if request.stages else ""
    told = f"{stage}by {request.claim.worker}, last heartbeat {utc(request.claim.heartbeat_at)}"
    return _active_row(page, request, None, told, moment)


def _waits(page: Page, waiting: Waiting, moment: datetime | None) -> tuple[Value, ...]:
    return _active_row(page, waiting.request, waiting.position, waiting.needs or "its turn", moment)


def _active_row(
    page: Page, request: Request, place: int | None, stage: str, moment: datetime | None
) -> tuple[Value, ...]:
    age = moment - request.submitted_at if moment else timedelta(0)
    return (
        place,
        submission(page, request),
        request.author,
        request.state,
        stage,
        max(age.total_seconds(), 0.0),
        asked_for(request),
        request.attempts,
        utc(request.submitted_at),
        request.id,
    )


def _ended(page: Page, requests: Requests) -> Iterator[Block]:
    ended = requests.view.ended
    if not ended:
        return
    shown = [request for request in ended if _found(page, request)]
    rows = tuple(_ended_row(page, request) for request in shown)
    muted = frozenset(place for place, request in enumerate(shown) if request.state != "published")
    yield Grid("ended", _title("Ended, the latest first", len(rows), len(ended)), ENDED, rows, muted)


def _ended_row(page: Page, request: Request) -> tuple[Value, ...]:
    at = request.history[-1].at
    return (
        submission(page, request),
        request.author,
        request.state,
        request.reason.partition("\n")[0],
        {"submission": "the submission's", "board": "the board's"}.get(request.fault or "", request.fault or ""),
        max((at - request.submitted_at).total_seconds(), 0.0),
        asked_for(request),
        request.attempts,
        utc(at),
        request.id,
    )


def _workers(page: Page, requests: Requests) -> Iterator[Block]:
    states = requests.view.workers
    if not states:
        yield Paragraph("No worker has served this queue yet, so nothing runs. This starts one:")
        store = page.snapshot.url_in_commands
        yield Command(f"breadth worker --store {shlex.quote(store)} --requests {shlex.quote(requests.url)}")
        return
    alive = sum(state.alive for state in states)
    rows = tuple(_worker(page, state) for state in states)
    muted = frozenset(place for place, state in enumerate(states) if not state.alive)
    yield Grid("workers", f"Workers: {alive:,} of {len(states):,} alive", WORKERS, rows, muted)


def _worker(page: Page, state: WorkerState) -> tuple[Value, ...]:
    worker = state.worker
    lives = "working" if worker.request else "idle"
    on = worker.request if state.alive else None
    return (
        worker.name,
        lives if state.alive else "stopped" if worker.stopped else "silent longer than it said",
        Link(on, page.link(request=on, sort="", search="")) if on else "",
        utc(worker.seen_at),
        state.silent_for.total_seconds(),
        worker.done,
        ", ".join(worker.tracks) + ("" if worker.sandbox else "; no code"),
        utc(worker.started_at),
    )


def _passed_over(requests: Requests) -> Iterator[Block]:
    skipped = requests.view.skipped
    if skipped:
        rows = tuple((one.path, f"of a newer Breadth: {one.reason}" if one.future else one.reason) for one in skipped)
        yield Grid("requests-passed-over", f"Files that cannot be shown: {len(rows):,}", PASSED_OVER, rows)


def _found(page: Page, request: Request) -> bool:
    """Whether the search leaves a request: it looks at names, authors, ids, states, tracks and reasons."""
    search = page.asked.search.casefold()
    texts = (request.wanted.name, request.author, request.id, request.state, request.reason, *request.wanted.tracks)
    return any(search in text.casefold() for text in texts)


def _title(what: str, shown: int, total: int) -> str:
    return f"{what}: {total:,}" if shown == total else f"{what}: {shown:,} of {total:,}"
