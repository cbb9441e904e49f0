"""What a board knows of a submission beside its results: `submissions/<name>.json` in the results store.

Its level, kind and authors stand in no result, and the machine that draws the board has not loaded it. The record is
written by the worker before the first result of a version, and replaced by that of the next. Reading is safe whatever
lies there: it is checked like everything of strangers, and can say nothing of a strategy that is built in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: Kind
    author: Person
    request: RequestId
    content_sha256: Sha256
    submission: Submission
    selection: Literal["given", "reproduced", "varies"]
    overlap: Annotated[float, Field(ge=0, le=1)] | None = None

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
    """The record of a request whose checked submission lies in `folder`; `selected` is what its code picked."""
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
    )


def write_record(store: Store, record: SubmissionRecord) -> None:
    """Put the record where boards find it, unless it is there already."""
    content = (canonical_json(record.model_dump(mode="json")) + "\n").encode()
    there = store.read(record.path)
    if there is None or there.content != content:
        store.write({record.path: content}, message=f"{record.submission.name} {record.submission.version}")


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


def plugin_facts_of(record: SubmissionRecord) -> PluginFacts:
    """The record as tables of results read it."""
    from suite.aggregate import PluginFacts

    submission = record.submission
    return PluginFacts(submission.level, record.kind, submission.paper, record.words)


def _read(file: Path, path: str) -> SubmissionRecord | Skipped:
    try:
        if not file.is_file() or file.is_symlink():
            return Skipped(path, "not a regular file")
        if file.stat().st_size > LARGEST_RECORD:
            return Skipped(path, f"larger than {LARGEST_RECORD // 2**10} KiB, the most such a record may have")
        content = file.read_bytes()
    except OSError as error:
        return Skipped(path, f"cannot be read: {error.strerror or error}")
    record = parsed(path, content, 1, lambda _: SubmissionRecord.model_validate_json(content, strict=True))
    if isinstance(record, SubmissionRecord) and record.path != path:
        return Skipped(path, f"its content belongs at {record.path}")
    return record
