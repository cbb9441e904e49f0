"""The queue over a store: each operation reads a record, asks `lifecycle` for the next one, and writes on condition.

A write that meets somebody else's change is decided anew from what is there then, a bounded number of times. What a
state tells of (archive, log, results) is written before the state, or with it in one commit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from suite.errors import StoreConflict, StoreError, UsageError
from suite.intake import lifecycle
from suite.intake.lifecycle import ClaimLost, NotPossible, Terms
from suite.intake.overview import Listing, read_listing, serves
from suite.intake.requests import (
    Declared,
    Fault,
    Pointer,
    Request,
    Stage,
    WorkerRecord,
    as_bytes,
    read_record,
    request_id,
)
from suite.intake.watch import Clock, Watch, utc_now
from suite.stores.protocol import Skipped, Store

ATTEMPTS = 20
Transition = Callable[[Request, datetime], Request]


class QuotaError(UsageError):
    """The author has an active request, or asks for a name or a version that is not theirs to ask for."""


class Queue:
    """The requests of one store. Times are read from `clock` once an operation."""

    def __init__(self, store: Store, *, terms: Terms | None = None, clock: Clock = utc_now):
        self.store, self.terms, self.clock = store, terms or Terms(), clock

    def listing(self) -> Listing:
        """All requests and workers as the store has them now (while it is away: as they were last seen)."""
        return read_listing(self.store)

    def get(self, identifier: str) -> Request:
        """One request. Raises UsageError when there is none of that id, StoreError when its record is damaged."""
        return self._read(identifier)[0]

    def archive(self, request: Request) -> bytes:
        """The submission's archive. Raises StoreError unless it is there with the content the request names."""
        blob = self.store.read(request.archive_path)
        if blob is None or hashlib.sha256(blob.content).hexdigest() != request.archive_sha256:
            what = "is missing" if blob is None else "is not the one that was submitted"
            raise StoreError(f"{request.archive_path} in {self.store.url} {what}. Submit it again.")
        return blob.content

    def log(self, request: Request) -> str:
        """The log of the latest attempt that ended, or nothing."""
        blob = self.store.read(request.log_path)
        return blob.content.decode("utf-8", "replace") if blob else ""

    def submit(
        self,
        archive: bytes,
        wanted: Declared,
        *,
        author: str,
        content_sha256: str = "",
        needs_approval: bool = False,
        origin: str = "",
        again: bool = False,
    ) -> tuple[Request, bool]:
        """Queue an archive that passed its check; returns the request, and whether it is a new one.

        `content_sha256` identifies what is in it, where that is not the archive itself. The same content by the same
        author is the same request, unless that one was withdrawn or failed through no
        fault of its own (`again`: or failed at all). Raises QuotaError for a second active request of an author,
        another author's name, and a version that another archive has already.
        """
        archive_sha256 = hashlib.sha256(archive).hexdigest()
        sha256 = content_sha256 or archive_sha256
        for _ in range(ATTEMPTS):
            author_path, name_path = f"authors/{author.lower()}.json", f"names/{wanted.name}.json"
            latest, latest_version = self._pointer(author_path)
            owner, owner_version = self._pointer(name_path)
            unseen = self._unseen(latest, owner)
            listed = self.listing()
            known, round_number = _round(listed, author, sha256, again)
            if known is not None:
                return known, False
            _check_quota(listed, latest, owner, author, wanted, sha256)
            request = lifecycle.submitted(
                wanted,
                author=author,
                content_sha256=sha256,
                archive_sha256=archive_sha256,
                archive_bytes=len(archive),
                now=self.clock(),
                round_number=round_number,
                needs_approval=needs_approval,
                origin=origin,
            )
            pointer = as_bytes(Pointer(author=author, request=request.id))
            files = {request.archive_path: archive, author_path: pointer}
            files |= {} if owner else {name_path: pointer}
            expected: dict[str, str | None] = {
                **unseen,
                author_path: latest_version,
                name_path: owner_version,
                request.path: None,
            }
            try:
                # The record last: a crash before it leaves files that nobody asks for, and the next try replaces them.
                self._write({**files, request.path: as_bytes(request)}, expected, f"Submit {wanted.name}")
            except StoreConflict:
                continue
            return request, True
        raise StoreConflict(f"Others kept submitting to {self.store.url} in between. Try again.")

    def claim_next(self, worker: WorkerRecord, *, watch: Watch) -> Request | None:
        """The request that this worker shall work on now, in its hands; None when there is none for it.

        First its own claim, where it was killed with one and started again; then, once dead leases are ended, the
        oldest that waits and asks for nothing but the worker's tracks; a request with code is left to workers that
        can isolate it.
        """
        listed = self.listing()
        for request in listed.requests:
            if request.claim is not None and lifecycle.is_own(request.claim, worker.name, worker.instance):
                resumed = self._take(request, worker, lifecycle.resumed)
                if resumed is not None:
                    return resumed
        if self._end_dead(listed, worker, watch):
            listed = self.listing()
        for request in listed.requests:
            if request.claimable and serves(worker, request):
                taken = self._take(request, worker, lifecycle.claimed)
                if taken is not None:
                    return taken
        return None

    def beat(self, request: Request, stages: Iterable[Stage] = (), also: WorkerRecord | None = None) -> Request:
        """A heartbeat of the claim that `request` was given with. Raises ClaimLost."""
        token, new = _token(request), tuple(stages)
        return self._change(
            request.id, lambda seen, now: lifecycle.beaten(seen, token, now, new), also=also, message="Heartbeat"
        )

    def release(self, request: Request, note: str, also: WorkerRecord | None = None) -> Request:
        """Give a claim back in good order. Raises ClaimLost."""
        token = _token(request)
        return self._change(request.id, lambda seen, now: lifecycle.released(seen, token, now, note), also=also)

    def stumble(self, request: Request, note: str, log: bytes = b"", also: WorkerRecord | None = None) -> Request:
        """Give a claim back for trouble of the board's own, with the log of the attempt. Raises ClaimLost."""
        token = _token(request)
        return self._change(
            request.id,
            lambda seen, now: lifecycle.stumbled(seen, token, now, self.terms, note),
            files={request.log_path: log},
            also=also,
        )

    def publish(
        self, request: Request, log: bytes, stages: Iterable[Stage] = (), also: WorkerRecord | None = None
    ) -> Request:
        """All results are in the store: the log, then the state. Raises ClaimLost."""
        token, new = _token(request), tuple(stages)
        return self._change(
            request.id,
            lambda seen, now: lifecycle.published(seen, token, now, new),
            files={request.log_path: log},
            also=also,
        )

    def fail(
        self,
        request: Request,
        reason: str,
        fault: Fault,
        log: bytes,
        stages: Iterable[Stage] = (),
        also: WorkerRecord | None = None,
    ) -> Request:
        """It cannot be evaluated: the log, then the state with its reason. Raises ClaimLost."""
        token, new = _token(request), tuple(stages)
        return self._change(
            request.id,
            lambda seen, now: lifecycle.failed(seen, token, now, reason, fault, new),
            files={request.log_path: log},
            also=also,
        )

    def withdraw(self, identifier: str, by: str, note: str = "") -> Request:
        """Take a request back. Raises NotPossible when its state is final."""
        return self._change(identifier, lambda seen, now: lifecycle.withdrawn(seen, by, now, note))

    def approve(self, identifier: str, by: str) -> Request:
        """A maintainer's word for a request that waits for it."""
        return self._change(identifier, lambda seen, now: lifecycle.approved(seen, by, now))

    def requeue(self, identifier: str, by: str) -> Request:
        """Let a request be evaluated anew: one that is held waits again, one that failed gets a new round."""
        request = self.get(identifier)
        if request.state != "failed":
            return self._change(identifier, lambda seen, now: lifecycle.requeued(seen, by, now))
        anew, _ = self.submit(
            self.archive(request),
            request.wanted,
            author=request.author,
            content_sha256=request.content_sha256,
            needs_approval=request.needs_approval and request.approved_by is None,
            origin=request.origin,
            again=True,
        )
        return anew

    def show(self, worker: WorkerRecord) -> None:
        """Write what a worker says of itself, alone."""
        self.store.write({worker.path: as_bytes(worker)}, message=f"Worker {worker.name}")

    def _end_dead(self, listed: Listing, by: WorkerRecord, watch: Watch) -> bool:
        """End the leases of others that are over; returns whether there were any."""
        watched, ended = watch.look(listed.requests), False
        for request in listed.requests:
            claim = request.claim
            if claim is None or lifecycle.is_own(claim, by.name, by.instance):
                continue
            if not lifecycle.is_over(claim, self.clock(), watched[request.id], self.terms):
                continue

            def end(seen: Request, now: datetime, watched_claim: object = claim) -> Request:
                if seen.claim != watched_claim:
                    # What was watched may have been an old copy, while the store was away.
                    raise NotPossible(f"Request {seen.id} has shown a sign of life.")
                return lifecycle.expired(seen, by.name, now, self.terms)

            try:
                self._change(request.id, end)
            except (UsageError, StoreConflict):
                continue
            ended = True
        return ended

    def _take(self, request: Request, worker: WorkerRecord, transition: Callable[..., Request]) -> Request | None:
        """The request in this worker's hands, or None when it is not to be had (any more)."""
        token = worker.instance + secrets.token_hex(8)
        record = worker.model_copy(update={"request": request.id, "seen_at": self.clock()})
        try:
            taken = self._change(
                request.id,
                lambda seen, now: transition(seen, worker.name, token, now, self.terms),
                also=record,
                message=f"{worker.name} takes {request.id}",
            )
        except (UsageError, StoreConflict):
            return None
        return taken if taken.claim is not None and taken.claim.token == token else None

    def _change(
        self,
        identifier: str,
        transition: Transition,
        *,
        files: Mapping[str, bytes] | None = None,
        also: WorkerRecord | None = None,
        message: str = "",
    ) -> Request:
        """Replace a record by what the transition makes of it, `files` before it and the worker's record after it."""
        for _ in range(ATTEMPTS):
            seen, version = self._read(identifier)
            changed = transition(seen, self.clock())
            if changed == seen:
                return seen
            content = {**(files or {}), seen.path: as_bytes(changed)}
            if also is not None:
                content[also.path] = as_bytes(also)
            try:
                self._write(content, {seen.path: version}, message or f"Request {identifier}: {changed.state}")
            except StoreConflict:
                continue
            return changed
        raise StoreConflict(f"Others kept changing request {identifier} in {self.store.url} in between. Try again.")

    def _write(self, files: Mapping[str, bytes], expected: Mapping[str, str | None], message: str) -> None:
        self.store.write(files, expected=expected, message=message)

    def _read(self, identifier: str) -> tuple[Request, str]:
        path = f"requests/{identifier}.json"
        blob = self.store.read(path)
        if blob is None:
            raise UsageError(f"There is no request {identifier} in {self.store.url}. `breadth queue` lists them.")
        record = read_record(Request, path, blob.content)
        if isinstance(record, Skipped):
            raise StoreError(f"{path} in {self.store.url} is no request: {record.reason}.")
        return record, blob.version

    def _pointer(self, path: str) -> tuple[Pointer | None, str | None]:
        """The pointer at `path` with its version; a damaged one counts as none, and is replaced."""
        blob = self.store.read(path)
        if blob is None:
            return None, None
        record = read_record(Pointer, path, blob.content)
        return (None if isinstance(record, Skipped) else record), blob.version

    def _unseen(self, *pointers: Pointer | None) -> dict[str, None]:
        """The records that pointers name and that are not there, as what a write may expect still to be so.

        A folder takes the files of one write one by one: a pointer without its record is the trace of a crash, or of
        somebody who is about to put the record there.
        """
        paths = {f"requests/{pointer.request}.json" for pointer in pointers if pointer is not None}
        return {path: None for path in paths if self.store.read(path) is None}


def _token(request: Request) -> str:
    if request.claim is None:
        raise ClaimLost(f"Request {request.id} is {request.state}, and in nobody's hands.")
    return request.claim.token


def _round(listed: Listing, author: str, sha256: str, again: bool) -> tuple[Request | None, int]:
    """The request that stands for this content of this author, or the round of the one to make."""
    rounds = {request.id: request for request in listed.requests if request.content_sha256 == sha256}
    number = 1
    while (known := rounds.get(request_id(author, sha256, number))) is not None:
        free = known.state == "withdrawn" or (known.state == "failed" and (known.fault == "board" or again))
        if not free:
            return known, number
        number += 1
    return None, number


def _check_quota(
    listed: Listing, latest: Pointer | None, owner: Pointer | None, author: str, wanted: Declared, sha256: str
) -> None:
    active = listed.find(latest.request) if latest else None
    if active is not None and active.active:
        raise QuotaError(
            f"{author} has an active request already: {active.id} ({active.wanted.name}, {active.state}). One at a "
            f"time: wait for it, or take it back with `breadth withdraw {active.id}`."
        )
    if owner is not None and owner.author.lower() != author.lower():
        raise QuotaError(f"The name {wanted.name!r} belongs to {owner.author}. Choose another name.")
    for request in listed.requests:
        same = request.wanted.name == wanted.name and request.wanted.version == wanted.version
        if same and request.state in ("queued", "claimed", "running", "published") and request.content_sha256 != sha256:
            raise QuotaError(
                f"{wanted.name} {wanted.version} is request {request.id} ({request.state}), with other content. "
                "Raise the version."
            )
