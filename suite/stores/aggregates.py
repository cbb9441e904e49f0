"""The tables that the page reads, beside the results: recomputed after a publication, never older than the results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from suite.errors import StoreConflict
from suite.stores.protocol import Blob, Store
from suite.stores.records import is_safe

TABLE_FOLDERS = ("leaderboard", "correlations")
ATTEMPTS = 5
Compute = Callable[[], Mapping[str, bytes]]
"""Reads the results anew and gives the tables made from them, path to bytes."""


def results_digest(paths: Iterable[str]) -> str:
    """The sha256 of the paths of a track's records: tables that state another one are older than what they show.

    The paths of results hold the hash of what lies there, so they stand for the content; for submissions' records see
    `suite.intake.record.versions_on`.
    """
    return hashlib.sha256("\n".join(sorted(paths)).encode()).hexdigest()


def publish_tables(store: Store, track: str, compute: Compute) -> list[str]:
    """Recompute a track's tables and write those that differ from what is there; returns their paths.

    A table is replaced only if nobody else has written it since we began to read: of two publishers at once
    the slower one reads again, so what stays was made from the results of both. Raises StoreConflict when
    others were faster every time, and whatever `Store.write` raises.
    """
    for attempt in range(ATTEMPTS):
        # The tables first and the results after them: whatever comes in between makes the write fail.
        known = _tables(store, track)
        computed = compute()
        changed = {
            path: content for path, content in computed.items() if path not in known or known[path].content != content
        }
        if not changed:
            break
        expected = {path: known[path].version if path in known else None for path in changed}
        try:
            store.write(changed, expected=expected, message=f"Recompute the tables of {track}")
        except StoreConflict:
            if attempt + 1 == ATTEMPTS:
                raise
        else:
            return sorted(changed)
    return []


def kept_studies(store: Store, track: str) -> dict[str, Path]:
    """The kept outcomes of a track's studies on this disk, by their paths in the store."""
    folder = store.folder / "studies" / track
    found = {f"studies/{track}/{file.name}": file for file in sorted(folder.glob("*.json"))}
    return {path: file for path, file in found.items() if is_safe(path) and file.is_file()}


def study_files(store: Store, track: str) -> dict[str, bytes]:
    """What is published of the studies: every kept outcome, and that of the correlations as a table of its own."""
    files = {path: file.read_bytes() for path, file in kept_studies(store, track).items()}
    correlations = files.get(f"studies/{track}/correlate.json")
    return files | ({f"correlations/{track}.json": correlations} if correlations is not None else {})


def _tables(store: Store, track: str) -> dict[str, Blob]:
    found = {}
    for path in store.paths(f"studies/{track}/"):
        if (blob := store.read(path)) is not None:
            found[path] = blob
    for folder in TABLE_FOLDERS:
        for path in store.paths(f"{folder}/"):
            if PurePosixPath(path).name.partition(".")[0] == track and (blob := store.read(path)) is not None:
                found[path] = blob
    return found
