"""The life of a request as pure functions: from one record and a moment to the next record.

    queued -> claimed -> running -> published | failed
      ^__________|__________|          queued, claimed, running -> withdrawn

Nothing leaves a final state. Nothing here reads a clock or a store: `suite.intake.queue` writes what these functions
return on condition that the record has not changed meanwhile, so of two who act at once exactly one wins.

Clocks. Two machines may differ by hours, so no rule compares their clocks and believes the outcome. A lease is a
duration: an observer measures by its *own* clock how long it has seen a record without any change (`Watch`). Only
two things end a lease: the observer has watched it unchanged for the whole lease and an allowance (whatever any clock
shows), or for longer than two heartbeats can be apart *and* the claimant's own times say that it is over by more than
the allowance. A worker whose heart beats on time is therefore never declared dead, however wrong its clock or the
observer's; a dead one is found by every observer within a lease and an allowance of watching. What a wrong clock can
do is delay the quicker of the two rules, and put an odd time into a history. Safety never rests on time at all:
a worker that was declared dead by mistake finds another token at its next write, and results are the same bytes
whoever computes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from suite.errors import BreadthError, UsageError
from suite.intake.requests import (
    ACTIVE,
    HELD,
    INSTANCE_DIGITS,
    MOST_STAGES,
    Change,
    Claim,
    Declared,
    Fault,
    Request,
    Stage,
    State,
)
from suite.intake.requests import request_id as make_id

LONGEST_REASON = 2000
MOST_CHANGES = 500


class NotPossible(UsageError):  # noqa: N818 - an answer: the request is in another state
    """A change that the request's state does not allow."""


class ClaimLost(BreadthError):  # noqa: N818 - an outcome that the worker acts on
    """The request is no longer this worker's: withdrawn, requeued, or taken by another."""


@dataclass(frozen=True)
class Terms:
    """How long things last; see the module's docstring."""

    lease: timedelta = timedelta(minutes=60)
    heartbeat: timedelta = timedelta(minutes=15)
    allowance: timedelta = timedelta(minutes=10)
    """How much clocks may differ before the quicker rule is delayed or the slower one is needed."""
    watched: timedelta = timedelta(minutes=20)
    """How long an observer watches before it believes the claimant's times; above `heartbeat`."""
    deaths: int = 3
    """So many deaths make a request fail."""
    idle: timedelta = timedelta(minutes=60)
    """How often an idle worker shows that it lives."""


def submitted(
    wanted: Declared,
    *,
    author: str,
    content_sha256: str,
    archive_sha256: str,
    archive_bytes: int,
    now: datetime,
    round_number: int = 1,
    needs_approval: bool = False,
    origin: str = "",
) -> Request:
    """A new request, queued."""
    return Request(
        id=make_id(author, content_sha256, round_number),
        author=author,
        wanted=wanted,
        content_sha256=content_sha256,
        archive_sha256=archive_sha256,
        archive_bytes=archive_bytes,
        round=round_number,
        origin=origin,
        submitted_at=now,
        needs_approval=needs_approval,
        history=(Change(at=now, state="queued", by=author, note="submitted"),),
    )


def claimed(request: Request, worker: str, token: str, now: datetime, terms: Terms) -> Request:
    """The request in the hands of a worker. Raises NotPossible unless it waits and may run."""
    if not request.claimable:
        raise NotPossible(f"Request {request.id} is {request.state} and cannot be claimed.")
    return _moved(
        request, "claimed", worker, now, claim=_claim(worker, token, now, terms), attempts=request.attempts + 1
    )


def resumed(request: Request, worker: str, token: str, now: datetime, terms: Terms) -> Request:
    """A worker of the same name takes up the claim that its predecessor died with; the death counts.

    The outcome may be `failed`, when that was one death too many.
    """
    if request.claim is None or not is_own(request.claim, worker, token):
        raise NotPossible(f"Request {request.id} is not held by this {worker}.")
    died = _dead(request, worker, now, terms, "its worker ended without a word and came back")
    if died.state == "failed":
        return died
    return claimed(died, worker, token, now, terms)


def beaten(request: Request, token: str, now: datetime, stages: Iterable[Stage] = ()) -> Request:
    """A heartbeat: the lease begins anew, with the stages since the last one. Raises ClaimLost."""
    claim = _held(request, token)
    renewed = claim.model_copy(update={"heartbeat_at": now})
    kept = _kept(request, stages)
    if request.state == "running":
        return _checked(request, claim=renewed, stages=kept)
    return _moved(request, "running", claim.worker, now, claim=renewed, stages=kept)


def released(request: Request, token: str, now: datetime, note: str) -> Request:
    """A worker gives the request back in good order: it waits again, and no death is counted. Raises ClaimLost."""
    claim = _held(request, token)
    return _moved(request, "queued", claim.worker, now, note=note, claim=None)


def stumbled(request: Request, token: str, now: datetime, terms: Terms, note: str) -> Request:
    """A worker met trouble of its own (disk, network): the request waits again, or fails at the third time."""
    claim = _held(request, token)
    return _dead(request, claim.worker, now, terms, note, fault="board")


def published(request: Request, token: str, now: datetime, stages: Iterable[Stage] = ()) -> Request:
    """All results are in the store. Raises ClaimLost."""
    claim = _held(request, token)
    return _moved(request, "published", claim.worker, now, claim=None, stages=_kept(request, stages))


def failed(
    request: Request, token: str, now: datetime, reason: str, fault: Fault, stages: Iterable[Stage] = ()
) -> Request:
    """It cannot be evaluated, and why. Raises ClaimLost."""
    claim = _held(request, token)
    return _ended(request, claim.worker, now, reason, fault, stages)


def expired(request: Request, by: str, now: datetime, terms: Terms) -> Request:
    """The lease is over (`is_over` said so): it waits again with a death counted, or fails."""
    if request.claim is None:
        raise NotPossible(f"Request {request.id} is {request.state}: there is no lease to end.")
    return _dead(request, by, now, terms, f"{request.claim.worker} has not been heard of since its last heartbeat")


def withdrawn(request: Request, by: str, now: datetime, note: str = "") -> Request:
    """Taken back, in whatever active state it is; a worker that runs it notices at its next heartbeat."""
    if not request.active:
        raise NotPossible(f"Request {request.id} is {request.state} already; that is final.")
    return _moved(request, "withdrawn", by, now, note=note, claim=None, reason=note)


def approved(request: Request, by: str, now: datetime) -> Request:
    """A maintainer's word for a track that costs more than an hour of GPU; the request itself when it has it."""
    if request.state != "queued":
        raise NotPossible(f"Request {request.id} is {request.state}: only one that waits can be approved.")
    if not request.needs_approval or request.approved_by is not None:
        return request
    return _moved(request, "queued", by, now, note="approved", approved_by=by)


def requeued(request: Request, by: str, now: datetime) -> Request:
    """A maintainer takes a request out of the hands of its worker; no death is counted."""
    if request.state not in HELD:
        raise NotPossible(f"Request {request.id} is {request.state}: only one that a worker holds can be requeued.")
    return _moved(request, "queued", by, now, note="requeued by a maintainer", claim=None)


def is_own(claim: Claim, worker: str, instance: str) -> bool:
    """Whether a claim was made by the worker of this name and instance (or of a token that begins with it)."""
    return claim.worker == worker and claim.token[:INSTANCE_DIGITS] == instance[:INSTANCE_DIGITS]


def is_over(claim: Claim, now: datetime, watched: timedelta, terms: Terms) -> bool:
    """Whether a lease has ended, for an observer whose clock shows `now` and who saw no change for `watched`."""
    if watched >= claim.lease + terms.allowance:
        return True
    return watched >= terms.watched and now > claim.heartbeat_at + claim.lease + terms.allowance


def _claim(worker: str, token: str, now: datetime, terms: Terms) -> Claim:
    return Claim(worker=worker, token=token, since=now, heartbeat_at=now, lease_seconds=terms.lease.total_seconds())


def _held(request: Request, token: str) -> Claim:
    if request.claim is None or request.claim.token != token:
        holder = f" by {request.claim.worker}" if request.claim else ""
        raise ClaimLost(f"Request {request.id} is {request.state}{holder} by now, and no longer this worker's.")
    return request.claim


def _dead(request: Request, by: str, now: datetime, terms: Terms, note: str, fault: Fault = "unknown") -> Request:
    deaths = request.deaths + 1
    counted = _checked(request, deaths=deaths)
    if deaths >= terms.deaths:
        return _ended(counted, by, now, f"{deaths} attempts ended badly; the last one: {note}.", fault)
    return _moved(counted, "queued", by, now, note=note, claim=None)


def _ended(
    request: Request, by: str, now: datetime, reason: str, fault: Fault, stages: Iterable[Stage] = ()
) -> Request:
    reason = reason[:LONGEST_REASON]
    return _moved(
        request, "failed", by, now, note=reason, claim=None, reason=reason, fault=fault, stages=_kept(request, stages)
    )


def _kept(request: Request, stages: Iterable[Stage]) -> tuple[Stage, ...]:
    return (*request.stages, *stages)[-MOST_STAGES:]


def _moved(request: Request, state: State, by: str, now: datetime, *, note: str = "", **changes: object) -> Request:
    assert request.state in ACTIVE, "nothing leaves a final state"
    change = Change(at=now, state=state, by=by, note=note[:LONGEST_REASON])
    # Nobody needs more than the beginning and the latest of a history that went round and round.
    kept = (*request.history[:1], *request.history[1:][-MOST_CHANGES:])
    return _checked(request, state=state, history=(*kept, change), **changes)


def _checked(request: Request, **changes: object) -> Request:
    # Through validation, which model_copy leaves out: what no reader would accept is never written.
    return Request.model_validate({**dict(request), **changes})
