"""What whoever sent a submission is told: every problem with its place and remedy, or the request that it became."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaderboard.address import Address
from suite.report.blocks import Block, Column, Grid, Link, Links, Listing, Paragraph

if TYPE_CHECKING:
    from leaderboard.checking import Order
    from leaderboard.snapshot import Snapshot

PROBLEMS = (
    Column("file", role="name"),
    Column("line", ",d"),
    Column("what stands there", key="value"),
    Column("rule"),
    Column("what to do", key="remedy"),
)


@dataclass(frozen=True)
class Answer:
    """An answer: its HTTP status, what it says, and whether the submission broke no rule."""

    status: int
    blocks: tuple[Block, ...]
    passed: bool = False


def answer_to(said: Mapping[str, Any], order: Order, snapshot: Snapshot) -> Answer:
    """The answer that the words of `leaderboard.checking` come to."""
    report = said.get("report")
    passed = bool(report and report["passed"])
    return Answer(200, tuple(_told(said, report, order, snapshot)), passed)


def _told(
    said: Mapping[str, Any], report: Mapping[str, Any] | None, order: Order, snapshot: Snapshot
) -> Iterator[Block]:
    if report is None:
        yield Paragraph(str(said.get("error")), "lead")
        return
    if not report["passed"]:
        yield from _broken(report)
    elif "request" in said:
        yield from _queued(said["request"], bool(said["new"]), snapshot)
    elif "error" in said:
        yield Paragraph(f"It passes every rule, and was not queued: {said['error']}", "lead")
    else:
        yield Paragraph(f"{_name(report)} passes: {_size(report)}.", "lead")
        if not order.send:
            yield Paragraph("Nothing was sent: this was a check.", "note")
    if said.get("trouble") and "error" not in said:
        yield Paragraph(f"{said['trouble']} The check knew the names of an earlier look only.", "note")
    if report["unchecked"]:
        yield Paragraph("Not checked here:", "note")
        yield Listing(tuple(report["unchecked"]))


def _broken(report: Mapping[str, Any]) -> Iterator[Block]:
    problems = report["problems"]
    count = sum(max(1, problem["others"]) for problem in problems)
    yield Paragraph(f"{count:,} {'problem' if count == 1 else 'problems'}; nothing was sent.", "lead")
    rows = tuple(
        (problem["file"], problem["line"], problem["value"], problem["sentence"], problem["remedy"])
        for problem in problems
    )
    yield Grid("problems", "What is to be mended", PROBLEMS, rows)


def _queued(request: Mapping[str, Any], new: bool, snapshot: Snapshot) -> Iterator[Block]:
    identifier = str(request["id"])
    wanted = request["wanted"]
    name = f"{wanted['name']} {wanted['version']}"
    if new:
        yield Paragraph(f"{name} is queued as request `{identifier}`{_place(identifier, snapshot)}.", "lead")
    else:
        yield Paragraph(f"{name} is request `{identifier}` already, and {request['state']}: nothing was sent.", "lead")
    if new and request["needs_approval"]:
        yield Paragraph("A track it asks for costs more than an hour of GPU: it waits for a maintainer's word.")
    if wanted["kind"] == "code":
        yield Paragraph("Everybody can read the code that you sent.", "note")
    yield Links((Link("Follow it in the queue", Address(view="queue", request=identifier).href),))


def _place(identifier: str, snapshot: Snapshot) -> str:
    """Its place in the queue, where the page has seen it there."""
    view = snapshot.requests.view if snapshot.requests is not None else None
    waiting = next((one for one in view.waiting if one.request.id == identifier), None) if view else None
    return f", place {waiting.position:,}" if waiting is not None and waiting.position is not None else ""


def _name(report: Mapping[str, Any]) -> str:
    submission = report["submission"]
    return f"{submission['name']} {submission['version']}"


def _size(report: Mapping[str, Any]) -> str:
    if not report["selections"]:
        return f"{report['kind']}, one strategy"
    return f"{report['kind']}, {report['selections']:,} selections, {report['ids']:,} ids"
