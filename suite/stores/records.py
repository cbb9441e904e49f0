"""From bytes that anybody may have written to a result, or to the reason why they are none; and names that are safe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from suite.errors import StoreError
from suite.results import SCHEMA_VERSION, Result
from suite.stores.parsing import parsed
from suite.stores.protocol import Skipped

LARGEST_RECORD = 64 * 2**20
"""Bytes; a file above this is not read, and no record above it is written."""
_SAFE_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@ -]*")
_LONGEST_PATH = 400


def too_large(path: str) -> Skipped:
    """What a reader says of a record above the limit, without having read it."""
    return Skipped(path, f"larger than {LARGEST_RECORD // 2**20} MiB, the most a record may have")


def read_record(path: str, content: bytes) -> Result | Skipped:
    """The record that lies at `path` (inside the store), or why it is none."""
    if len(content) > LARGEST_RECORD:
        return too_large(path)
    return parsed(path, content, SCHEMA_VERSION, lambda document: _checked(path, document))


def _checked(path: str, document: Any) -> Result:
    result = Result.model_validate(document)
    # The name holds the content's hash, so a record that was edited in place gives itself away here.
    if result.path != path:
        raise ValueError(f"its content belongs at {result.path}")
    for task in result.tasks:
        task.unpack()
    result.unpack_picks()
    return result


def as_record(result: Result) -> bytes:
    """The bytes that a store keeps for a result. Raises StoreError when no reader would take them."""
    checked_path(result.path)
    content = result.to_json().encode()
    if len(content) > LARGEST_RECORD:
        raise StoreError(
            f"The result {result.path} has {len(content) / 2**20:.0f} MiB, and a record may have at most "
            f"{LARGEST_RECORD // 2**20}. Look for a parameter or a version text that holds data."
        )
    return content


def without_corrected(records: Sequence[Result]) -> list[Result]:
    """The records, in their order, that none of them corrects; a correction reaches no cell but its own."""
    corrected = {(record.cell, record.supersedes) for record in records if record.supersedes}
    return [record for record in records if (record.cell, record.record_id) not in corrected]


def is_safe(path: str) -> bool:
    """Whether a path stays inside the store on every platform: plain names, none hidden, none a way up."""
    return len(path) <= _LONGEST_PATH and all(_SAFE_PART.fullmatch(part) for part in path.split("/"))


def checked_path(path: str) -> str:
    """`path` itself. Raises StoreError unless it is safe."""
    if not is_safe(path):
        raise StoreError(
            f"{path!r} is no path inside a store. Write plain names joined by /, none of which begins with a full stop."
        )
    return path


def checked_file(path: str) -> str:
    """A path that `Store.write` may write. Raises StoreError for unsafe ones and for those of results."""
    if checked_path(path).split("/")[0] == "results":
        raise StoreError(f"{path} lies among the results, which are only ever added to: use put for them.")
    return path
