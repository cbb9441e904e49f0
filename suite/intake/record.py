"""What a board knows of a submission beside its results: `submissions/<name>.json` in the results store.

Its level, kind and authors stand in no result, and the machine that draws the board has not loaded it. It also says
which picks are those of the version on the board: results with others are of another one. The worker writes the record
of a first version before its results, and that of a later one after all of them, so that a row goes over from one
version to the next at once and is never the mean of both. Reading is safe whatever lies there: it is checked like
everything of strangers, and can say nothing of a strategy that is built in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from suite.hashing import canonical_json
from suite.intake.requests import Person, Request, RequestId, Sha256
from suite.intake.rules import Problems
from suite.intake.submission import MANIFEST, Kind, Submission, read_manifest
from suite.stores.parsing import parsed
from suite.stores.protocol import Skipped

if TYPE_CHECKING:
    from suite.aggregate import PluginFacts
    from suite.intake.sandbox.selecting import Selected
    from suite.stores import Store

FOLDER = "submissions/"
LARGEST_RECORD = 64 * 2**10


class SubmissionRecord(BaseModel):
    """A published submission. `author` was told by the store's side; `submission` is what its file says.

    `selection` says how its picks came about: *given* (ids alone were sent), *reproduced* (the code was run twice on
    the same features and gave the same ids), or *varies*, with `overlap` the mean share of ids that came again.
    `picks` holds, by track and budget in samples, the sha256 of the picks of each draw, the first draw first; it came
    with schema 2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2] = 2
    kind: Kind
    author: Person
    request: RequestId
    content_sha256: Sha256
    submission: Submission
    selection: Literal["given", "reproduced", "varies"]
    overlap: Annotated[float, Field(ge=0, le=1)] | None = None
    picks: dict[StrictStr, dict[int, tuple[Sha256, ...]]] | None = None

    @model_validator(mode="after")
    def _of_its_schema(self) -> Self:
        if (self.picks is None) != (self.schema_version == 1):
            raise ValueError("picks stand in schema 2, and in no other")
        return self

    def with_picks(self, track: str, picks: Mapping[int, tuple[Sha256, ...]]) -> SubmissionRecord:
        """The record with what was picked for one more track."""
        return self.model_copy(update={"picks": {**(self.picks or {}), track: dict(picks)}})

    def to_json(self) -> str:
        """Canonical JSON text, one line."""
        left_out = {"picks"} if self.schema_version == 1 else None
        return canonical_json(self.model_dump(mode="json", exclude=left_out)) + "\n"

    @property
    def path(self) -> str:
        """Where the record lies in a store."""
        return f"{FOLDER}{self.submission.name}.json"

    @property
    def words(self) -> str:
        """The selection in a few words, for a table."""
        if self.selection != "varies" or self.overlap is None:
            return self.selection
        return f"varies ({self.overlap:.0%} again)" if self.overlap < 1 else "varies in order"


def record_of(request: Request, folder: Path, selected: Selected | None) -> SubmissionRecord:
    """The record, as yet without picks, of a request whose checked submission lies in `folder`.

    `selected` is what its code picked.
    """
    submission = read_manifest((folder / MANIFEST).read_bytes(), Problems()).submission
    assert submission is not None, "the submission passed its check"
    how: Literal["given", "reproduced", "varies"] = "given"
    if selected is not None:
        how = "reproduced" if selected.same else "varies"
    return SubmissionRecord(
        kind=request.wanted.kind,
        author=request.author,
        request=request.id,
        content_sha256=request.content_sha256,
        submission=submission,
        selection=how,
        overlap=selected.overlap if selected else None,
        picks={},
    )


def write_record(store: Store, record: SubmissionRecord) -> None:
    """Put the record where boards find it, unless it is there already."""
    content = record.to_json().encode()
    there = store.read(record.path)
    if there is None or there.content != content:
        store.write({record.path: content}, message=f"{record.submission.name} {record.submission.version}")


def former_record(store: Store, record: SubmissionRecord) -> SubmissionRecord | None:
    """The record that another request for the same name has left in the store; None for none that can be read."""
    there = store.read(record.path)
    found = None if there is None else _parsed(record.path, there.content)
    return found if isinstance(found, SubmissionRecord) and found.request != record.request else None


def read_records(store: Store) -> tuple[dict[str, SubmissionRecord], list[Skipped]]:
    """Every record by its name, and the files that are none with the reason."""
    found: dict[str, SubmissionRecord] = {}
    skipped: list[Skipped] = []
    for path in store.paths(FOLDER):
        read = _read(store.folder / path, path)
        if isinstance(read, Skipped):
            skipped.append(read)
        else:
            found[read.submission.name] = read
    return found, skipped


def versions_on(track: str, records: Mapping[str, SubmissionRecord]) -> list[str]:
    """A line for each submission with picks on a track, which every version changes; for digests of what lies there."""
    found = (record for record in records.values() if record.picks and track in record.picks)
    return [f"{record.path}@{hashlib.sha256(record.to_json().encode()).hexdigest()}" for record in found]


def plugin_facts_of(record: SubmissionRecord, track: str) -> PluginFacts:
    """The record as tables of a track's results read it."""
    from suite.aggregate import PluginFacts

    submission = record.submission
    picks = None if record.picks is None else record.picks.get(track, {})
    return PluginFacts(submission.level, record.kind, submission.paper, record.words, picks)


def _read(file: Path, path: str) -> SubmissionRecord | Skipped:
    try:
        if not file.is_file() or file.is_symlink():
            return Skipped(path, "not a regular file")
        if file.stat().st_size > LARGEST_RECORD:
            return Skipped(path, f"larger than {LARGEST_RECORD // 2**10} KiB, the most such a record may have")
        content = file.read_bytes()
    except OSError as error:
        return Skipped(path, f"cannot be read: {error.strerror or error}")
    return _parsed(path, content)


def _parsed(path: str, content: bytes) -> SubmissionRecord | Skipped:
    record = parsed(path, content, 2, lambda _: SubmissionRecord.model_validate_json(content, strict=True))
    if isinstance(record, SubmissionRecord) and record.path != path:
        return Skipped(path, f"its content belongs at {record.path}")
    return record
