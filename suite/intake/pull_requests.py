"""Requests on the Hub: strangers cannot write to the dataset, so they send pull requests, and a worker answers.

A pull request adds one file under `incoming/`: an archive (`<sha256>.tar.gz`), or the wish to withdraw a request
(`<id>.withdraw`). Nothing of it is ever merged: the worker checks what was sent, writes the request itself, and closes
the pull request with an answer. Who asks is whoever the Hub says has opened it; no file tells.
"""

from __future__ import annotations

import hashlib
import re

from suite.errors import BreadthError, HubUnavailable, UsageError
from suite.intake.admission import Tracks, submit, surroundings
from suite.intake.archive import LARGEST_ARCHIVE
from suite.intake.check import check_archive
from suite.intake.queue import Queue
from suite.intake.requests import Request
from suite.reporting import Notify
from suite.stores.hub.proposals import (
    Proposal,
    close_proposal,
    open_proposals,
    propose,
    proposed_content,
    proposed_files,
)
from suite.stores.hub.repository import RemoteFile
from suite.stores.hub.store import HubStore

FOLDER = "incoming"
_ARCHIVE = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}\.tar\.gz")
_WITHDRAWAL = re.compile(rf"{FOLDER}/([0-9a-f]{{16}})\.withdraw")
LONGEST_ANSWER = 6000
TROUBLES_BORNE = 3
"""So many pull requests may be out of reach before it is the Hub that is."""


def send(store: HubStore, archive: bytes, *, title: str, author: str) -> tuple[Proposal, bool]:
    """Open the pull request that submits an archive; returns it, and whether it is new."""
    path = f"{FOLDER}/{hashlib.sha256(archive).hexdigest()}.tar.gz"
    description = "Sent by `breadth submit`. A worker checks it, answers here, and queues it under this account's name."
    return propose(store.repository, {path: archive}, title=title, description=description, author=author)


def send_withdrawal(store: HubStore, request: Request, *, author: str) -> tuple[Proposal, bool]:
    """Open the pull request that withdraws a request; returns it, and whether it is new."""
    files = {f"{FOLDER}/{request.id}.withdraw": f"withdraw {request.id}\n".encode()}
    title = f"Withdraw request {request.id}"
    return propose(store.repository, files, title=title, description="Sent by `breadth withdraw`.", author=author)


def sent(store: HubStore, author: str | None = None) -> list[Proposal]:
    """Pull requests that carry a submission (of one author) and wait for a worker, oldest first."""
    return [one for one in open_proposals(store.repository, author) if _kind(store, one) == "archive"]


def take_back(store: HubStore, proposal: Proposal) -> None:
    """Close one's own pull request before a worker has taken it over."""
    close_proposal(store.repository, proposal, "Withdrawn by its author.")


def answer_all(queue: Queue, store: HubStore, notify: Notify, tracks: Tracks | None = None) -> int:
    """Answer every open pull request that is meant for the queue; returns how many were answered.

    One that cannot be answered now is told and left for the next look: its author may change it under our hands.
    Raises HubUnavailable when the Hub is away.
    """
    answered = troubles = 0
    for proposal in open_proposals(store.repository):
        try:
            files = proposed_files(store.repository, proposal, FOLDER)
            if not files:
                continue  # an ordinary pull request, for people to look at
            answer = _answer(queue, store, proposal, files, tracks)
            close_proposal(store.repository, proposal, answer[:LONGEST_ANSWER])
        except BreadthError as error:
            troubles += isinstance(error, HubUnavailable)
            if troubles > TROUBLES_BORNE:
                raise
            notify(f"{proposal.url} was not answered: {error}")
            continue
        notify(f"{proposal.url} by {proposal.author}: {answer.splitlines()[0]}")
        answered += 1
    return answered


def _answer(
    queue: Queue, store: HubStore, proposal: Proposal, files: dict[str, RemoteFile], tracks: Tracks | None
) -> str:
    """Do what a pull request asks for, where that is allowed, and say what came of it."""
    if len(files) > 1:
        return f"Refused: a pull request adds one file under {FOLDER}/, and this one has {len(files)}."
    [(path, file)] = files.items()
    if found := _WITHDRAWAL.fullmatch(path):
        return _withdraw(queue, found[1], proposal.author)
    if not _ARCHIVE.fullmatch(path):
        return f"Refused: no such file belongs under {FOLDER}/. `breadth submit` and `breadth withdraw` send what does."
    if file.size > LARGEST_ARCHIVE:
        return f"Refused: an archive has at most {LARGEST_ARCHIVE // 2**20} MiB, and this one {file.size / 2**20:.0f}."
    content = proposed_content(store.repository, proposal, file)
    report = check_archive(content, surroundings(queue.listing(), proposal.author, tracks))
    if not report.passed:
        listed = "\n".join(str(problem) for problem in report.problems).replace("`", "'")[: LONGEST_ANSWER - 200]
        return f"Refused: the check found {len(report.problems)} problems.\n\n```text\n{listed}\n```"
    try:
        request, new = submit(queue, report, author=proposal.author, origin=proposal.url, tracks=tracks)
    except UsageError as error:
        return f"Refused: {error}"
    told = f"Follow it with `breadth status {request.id} --requests {store.url}`."
    if not new:
        return f"This submission is request {request.id} already, and {request.state}. {told}"
    waits = " It waits for a maintainer's word first." if request.needs_approval else ""
    return f"Taken over as request {request.id}.{waits} {told}"


def _withdraw(queue: Queue, identifier: str, author: str) -> str:
    try:
        request = queue.get(identifier)
        if request.author.lower() != author.lower():
            return f"Refused: request {identifier} is not by {author}."
        queue.withdraw(identifier, author, "withdrawn by its author")
    except UsageError as error:
        return f"Refused: {error}"
    return f"Request {identifier} is withdrawn."


def _kind(store: HubStore, proposal: Proposal) -> str:
    paths = list(proposed_files(store.repository, proposal, FOLDER))
    return "archive" if len(paths) == 1 and _ARCHIVE.fullmatch(paths[0]) else "other"
