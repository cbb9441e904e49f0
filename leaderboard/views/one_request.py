"""One request in full: how it stands, how it came there, the log of its latest attempt, and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from leaderboard.page import Page
from leaderboard.requests_reader import Requests
from suite.errors import BreadthError
from suite.intake.overview import asked_for, span
from suite.intake.requests import Request
from suite.intake.run_log import scrubbed
from suite.report.blocks import Block, Column, Command, Grid, Heading, Link, Links, Paragraph, Value

FACTS = (Column("what", role="name"), Column("value"))
HISTORY = (
    Column("when (UTC)", role="short", key="when"),
    Column("state", role="short"),
    Column("by", role="short"),
    Column("note"),
)
STAGES = (Column("when (UTC)", role="short", key="stage-when"), Column("stage"))
LINES_SHOWN = 60
"""Of a log the last lines are shown; the whole of it can be taken along."""


def one_request(page: Page, requests: Requests, request: Request) -> Iterator[Block]:
    """The page of a request."""
    wanted = request.wanted
    yield Links((Link("← the whole queue", page.link(request="", sort="")), *_runs(page, request)))
    yield Paragraph(f"{wanted.name} {wanted.version} by {request.author}: {_standing(requests, request)}", "lead")
    if request.reason:
        # A worker told it, of what a stranger sent: nothing in it may hide or turn the text around it.
        reason = scrubbed(request.reason, {})
        yield Command(reason) if "\n" in reason else Paragraph(reason)
    yield Grid("request-facts", f"Request {request.id}", FACTS, tuple(_facts(request)))
    yield Grid("request-history", f"History: {len(request.history):,} changes", HISTORY, tuple(_history(request)))
    if request.stages:
        stages = tuple((utc(stage.at, seconds=True), stage.name) for stage in request.stages)
        yield Grid("request-stages", f"Stages: {len(stages):,}", STAGES, stages)
    yield from _log(page, requests, request)


def submission(page: Page, request: Request) -> Link:
    """A submission's name and version, which lead to its request."""
    return Link(
        f"{request.wanted.name} {request.wanted.version}",
        page.link(view="queue", request=request.id, sort="", search=""),
    )


def utc(moment: datetime | None, *, seconds: bool = False) -> str:
    """A moment as the page writes it, to the minute; nothing for None."""
    if moment is None:
        return ""
    # In UTC, whatever zone its writer lived in.
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def _standing(requests: Requests, request: Request) -> str:
    view = requests.view
    age = f" It was submitted {span(requests.as_of - request.submitted_at)} before this look." if requests.as_of else ""
    if request.claim is not None:
        stage = f", at the stage `{request.stages[-1].name}`" if request.stages else ""
        return f"{request.state} by {request.claim.worker}{stage}.{age}"
    waiting = next((one for one in view.waiting if one.request.id == request.id), None)
    if waiting is not None:
        place = f", place {waiting.position:,}" if waiting.position is not None else ""
        needs = f"; it waits for {waiting.needs}" if waiting.needs else ""
        return f"queued{place}{needs}.{age}"
    fault = f" (fault: {request.fault})" if request.fault else ""
    return f"{request.state}{fault} at {utc(request.history[-1].at)} UTC."


def _runs(page: Page, request: Request) -> Iterator[Link]:
    """Links to the rows that a published request has made, track by track."""
    if request.state != "published":
        return
    for track in request.wanted.tracks:
        there = page.asked.changed(
            view="runs", track=track, budget=None, base_model="", request="", sort="", search=request.wanted.name
        )
        yield Link(f"its runs on {track}", there.href)


def _facts(request: Request) -> Iterator[tuple[Value, ...]]:
    yield "kind", request.wanted.kind
    yield "asks for (samples)", asked_for(request)
    yield "attempts", f"{request.attempts:,}, of which {request.deaths:,} ended badly"
    yield "submitted (UTC)", utc(request.submitted_at, seconds=True)
    if request.claim is not None:
        yield "worker", request.claim.worker
        yield "held since (UTC)", utc(request.claim.since, seconds=True)
        yield "last heartbeat (UTC)", utc(request.claim.heartbeat_at, seconds=True)
        yield "lease", span(request.claim.lease)
    if request.needs_approval:
        yield "maintainer's word", request.approved_by or "needed, and not given yet"
    yield "came by", request.origin
    yield "round", f"{request.round:,}"
    yield "content (sha256)", request.content_sha256
    yield "archive (sha256)", request.archive_sha256
    yield "archive", f"{request.archive_bytes:,} bytes"


def _history(request: Request) -> Iterator[tuple[Value, ...]]:
    for change in request.history:
        yield utc(change.at, seconds=True), change.state, change.by, change.note


def _log(page: Page, requests: Requests, request: Request) -> Iterator[Block]:
    yield Heading("Log of the latest attempt that ended")
    try:
        log = requests.log(request)
    except BreadthError as error:
        yield Paragraph(f"It cannot be shown: {error}", "note")
        return
    if not log:
        yield Paragraph("No attempt has ended yet." if request.active else "There is none.", "note")
        return
    lines = log.rstrip("\n").split("\n")
    if len(lines) > LINES_SHOWN:
        yield Paragraph(f"The last {LINES_SHOWN:,} of {len(lines):,} lines.", "note")
    yield Command("\n".join(lines[-LINES_SHOWN:]))
    query = page.asked.changed(request=request.id).to_query()
    yield Links((Link("the whole log", f"log/{request.id}.txt?{query}"),), download=True)
