"""The Request: somebody's wish to have a submission evaluated, its state, and how it came there.

It lives at `requests/<id>.json`, the archive beside it at `requests/<id>.tar.gz`, the log of its run at
`requests/<id>.log`. Reading is safe whatever lies there; nothing here needs numpy arrays, torch or a network.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from suite.hashing import canonical_json, content_key
from suite.intake.submission import Kind
from suite.stores.parsing import parsed
from suite.stores.protocol import Skipped

SCHEMA_VERSION = 1
LARGEST_RECORD = 512 * 2**10
"""Bytes; a larger file is no request and is not read."""
LARGEST_REMEMBERED = 32 * 2**10
"""Bytes of a record whose parsed form is kept in memory."""
INSTANCE_DIGITS = 16
MOST_STAGES = 400
"""Of the stages of a run the latest ones are kept."""

State = Literal["queued", "claimed", "running", "published", "failed", "withdrawn"]
ACTIVE: tuple[State, ...] = ("queued", "claimed", "running")
HELD: tuple[State, ...] = ("claimed", "running")
Fault = Literal["submission", "board", "unknown"]
"""Whose a failure is; one of the board's costs the author nothing."""

RequestId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]
Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$")]
"""A user name of the Hub, or one that a local board gave; the name of a worker has the same form."""
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,39}$")]
Budgets = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1, max_length=50)]
Sentence = Annotated[str, Field(max_length=2000)]


class QueueRecord(BaseModel):
    """Base of what the queue keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Declared(QueueRecord):
    """What a submission asks for, as its own file says: `tracks` gives each track's budgets in samples."""

    name: Slug
    version: Version
    kind: Kind
    tracks: dict[Slug, Budgets] = Field(min_length=1, max_length=20)


class Claim(QueueRecord):
    """A worker's hold on a request. Times are the claimant's.

    `token` is new with every claim; it begins with the worker's `instance`, so that a claim is taken up again by the
    worker that made it, and not by one of another machine that happens to have its name.
    """

    worker: Person
    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    since: AwareDatetime
    heartbeat_at: AwareDatetime
    lease_seconds: float = Field(gt=0, le=86_400)

    @property
    def lease(self) -> timedelta:
        """How long the hold lasts after a heartbeat."""
        return timedelta(seconds=self.lease_seconds)


class Stage(QueueRecord):
    """A stage that a run entered."""

    at: AwareDatetime
    name: str = Field(max_length=200)


class Change(QueueRecord):
    """A change of state: when (by the clock of whoever made it), to what, by whom, and why."""

    at: AwareDatetime
    state: State
    by: Person
    note: Sentence = ""


class Request(QueueRecord):
    """One request; see the module's docstring. `author` was told by the store's side, never by the submission."""

    schema_version: Literal[1] = 1
    id: RequestId
    author: Person
    wanted: Declared
    content_sha256: Sha256
    """Of what the archive holds, however it was compressed: with the author it is the request's identity."""
    archive_sha256: Sha256
    archive_bytes: int = Field(ge=0)
    round: int = Field(default=1, ge=1)
    """1 for the first request with this content; higher after one that was withdrawn or failed."""
    origin: str = Field(default="", max_length=300)
    """Where it came from, such as a pull request."""
    submitted_at: AwareDatetime
    needs_approval: bool = False
    approved_by: Person | None = None
    state: State = "queued"
    claim: Claim | None = None
    attempts: int = Field(default=0, ge=0)
    deaths: int = Field(default=0, ge=0)
    """Attempts that ended without a word of their worker, or with trouble that was not the submission's."""
    stages: tuple[Stage, ...] = Field(default=(), max_length=MOST_STAGES)
    reason: Sentence = ""
    fault: Fault | None = None
    history: tuple[Change, ...] = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.claim is not None) != (self.state in HELD):
            raise ValueError(f"a request that is {self.state} {'has no' if self.claim else 'has a'} claim")
        if (self.fault is not None) != (self.state == "failed"):
            raise ValueError("a failed request says whose fault it is, and no other does")
        if self.history[-1].state != self.state:
            raise ValueError("the history ends in another state")
        if self.id != request_id(self.author, self.content_sha256, self.round):
            raise ValueError("the id is not that of author, content and round")
        return self

    @property
    def active(self) -> bool:
        """Whether it waits or runs; every other state is final."""
        return self.state in ACTIVE

    @property
    def claimable(self) -> bool:
        """Whether a worker may take it now."""
        return self.state == "queued" and (not self.needs_approval or self.approved_by is not None)

    @property
    def path(self) -> str:
        """Where the record lies in a store."""
        return f"requests/{self.id}.json"

    @property
    def archive_path(self) -> str:
        """Where the submission's archive lies."""
        return f"requests/{self.id}.tar.gz"

    @property
    def log_path(self) -> str:
        """Where the log of its latest finished attempt lies."""
        return f"requests/{self.id}.log"


class WorkerRecord(QueueRecord):
    """What a worker says of itself at `workers/<name>.json`: rarely written, and always with a claim or its end."""

    schema_version: Literal[1] = 1
    name: Person
    instance: str = Field(default="0" * INSTANCE_DIGITS, pattern=r"^[0-9a-f]{16}$")
    """Drawn when a worker of this name first starts on a machine, and kept on its disk."""
    tracks: tuple[Slug, ...]
    started_at: AwareDatetime
    seen_at: AwareDatetime
    silent_seconds: float = Field(gt=0, le=7 * 86_400)
    """How long it may be silent from `seen_at` on while it is well."""
    request: RequestId | None = None
    done: int = Field(default=0, ge=0)
    sandbox: bool = True
    """Whether it can isolate code of others; without, it leaves code submissions to workers that can."""
    stopped: bool = False

    @property
    def path(self) -> str:
        """Where the record lies in a store."""
        return f"workers/{self.name}.json"


class Pointer(QueueRecord):
    """`authors/<author>.json`: the latest request of an author. `names/<name>.json`: the first one of a name."""

    schema_version: Literal[1] = 1
    author: Person
    request: RequestId


Kept = TypeVar("Kept", Request, WorkerRecord, Pointer)


def request_id(author: str, content_sha256: str, round_number: int) -> str:
    """The id: the same content by the same author in the same round has the same one everywhere."""
    return content_key([author.lower(), content_sha256, round_number])[:16]


def as_bytes(record: Request | WorkerRecord | Pointer) -> bytes:
    """The bytes that a store keeps: canonical JSON, one line."""
    return (canonical_json(record.model_dump(mode="json")) + "\n").encode()


def read_record(model: type[Kept], path: str, content: bytes) -> Kept | Skipped:
    """The record of that kind at `path`, or why it is none; a future schema is marked as one."""
    if len(content) > LARGEST_RECORD:
        return Skipped(path, f"larger than {LARGEST_RECORD // 2**10} KiB, the most such a record may have")
    # Whoever polls a queue meets the same records again and again; they are immutable, so one parse serves.
    parse = _parsed_before if len(content) <= LARGEST_REMEMBERED else _parsed
    return parse(model, path, content)


def _parsed(model: type[Kept], path: str, content: bytes) -> Kept | Skipped:
    record = parsed(path, content, SCHEMA_VERSION, lambda _: model.model_validate_json(content, strict=True))
    if isinstance(record, Request | WorkerRecord) and record.path != path:
        return Skipped(path, f"its content belongs at {record.path}")
    return record


_parsed_before = functools.lru_cache(maxsize=2048)(_parsed)
