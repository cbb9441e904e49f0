"""Mirroring: a repository's files in a local folder of the same shape, fetching only what has changed.

Every file lands whole and checked, so a mirror that breaks off is gone on with by the next one. The note
`.mirror.json` beside the files says what came from the Hub, and of which commit. A mirror of some folders is one for
readers: what lies elsewhere in the repository is neither listed nor fetched.

Outcomes of studies are made on this disk, too, in the mirror's own folder: one that was written here since it came
from the Hub stays as it is, until it is published.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from suite.atomic import storage_errors, write_text
from suite.errors import StoreError
from suite.reporting import Progress, no_progress
from suite.stores.hub.patience import READING, Patience, persist
from suite.stores.hub.repository import HubRepository, RemoteFile, is_version
from suite.stores.protocol import Skipped
from suite.stores.records import LARGEST_RECORD, is_safe, too_large

NOTE = ".mirror.json"
INCOMING = ".incoming-"
FETCHING = ".fetching-"
OWN_FOLDER = "studies/"
LARGEST_OTHER = 512 * 2**20
"""Bytes of a file that is no record, such as a table; a larger one is not fetched."""
DOWNLOADS_AT_ONCE = 8


@dataclass
class Mirrored:
    """What a mirror holds, as its note says."""

    commit: str = ""
    fetched_at: datetime | None = None
    versions: dict[str, str] = field(default_factory=dict)
    """Of every file that came from the Hub, by its path."""
    refused: list[Skipped] = field(default_factory=list)
    """Files of the repository that were not fetched, and why."""
    fetched: int = 0
    removed: int = 0


def mirrored(folder: Path, url: str) -> Mirrored:
    """What the folder's note says; an empty mirror when there is none, or that of another repository."""
    try:
        written = json.loads((folder / NOTE).read_bytes())
        if written["url"] != url:
            return Mirrored()
        return Mirrored(
            commit=written["commit"],
            fetched_at=datetime.fromisoformat(written["fetched_at"]),
            versions=dict(written["versions"]),
            refused=[Skipped(path, reason) for path, reason in written["refused"]],
        )
    except (OSError, ValueError, KeyError, TypeError):
        # Without its note a mirror costs a comparison of every file, and nothing else.
        return Mirrored()


def mirror(
    repository: HubRepository,
    folder: Path,
    *,
    folders: Sequence[str] = (),
    endings: Sequence[str] = (),
    verify: bool = False,
    patience: Patience = READING,
    progress: Progress = no_progress,
) -> Mirrored:
    """Bring a folder up to the newest commit; files of its own that are not on the Hub stay.

    `folders` are those of the repository that are wanted (all), `endings` those of the names of files (all). One
    mirror always has the same.

    `verify` compares every file even when the commit is the one mirrored before. Raises HubUnavailable or
    HubRefused; what has arrived by then stays.
    """
    note = folder / NOTE
    with storage_errors(note):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".mirror.lock"):
        before = mirrored(folder, repository.url)
        head = persist(repository.head, repository.url, patience)
        if head == before.commit and not verify:
            after = Mirrored(head, datetime.now(UTC), before.versions, before.refused)
        else:
            listed = persist(lambda: repository.files(head, folders), repository.url, patience)
            if endings:
                listed = {path: file for path, file in listed.items() if path.endswith(tuple(endings))}
            after = _renewed(repository, folder, before, verify, head, listed, patience, progress)
            _forget(folder, before.versions.keys() - after.versions.keys())
            after.removed = len(before.versions.keys() - after.versions.keys())
        write_text(note, json.dumps(_written(after, repository.url)))
    return after


def fetch_file(repository: HubRepository, folder: Path, path: str, revision: str, patience: Patience) -> None:
    """Bring one file of a commit into a folder, beside whatever mirror is under way there.

    Raises StoreError where the repository has no such file or it is too large, HubUnavailable or HubRefused.
    """
    file = persist(lambda: repository.some([path], revision), repository.url, patience).get(path)
    if file is None:
        raise StoreError(f"There is no {path} in {repository.url} (any more).")
    if refusal := _refusal(file):
        raise StoreError(f"{path} was not fetched: {refusal.reason}.")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=FETCHING, dir=folder) as incoming:
        _fetch_one(repository, folder, Path(incoming), file, revision, patience)


def _renewed(
    repository: HubRepository,
    folder: Path,
    before: Mirrored,
    verify: bool,
    head: str,
    listed: Mapping[str, RemoteFile],
    patience: Patience,
    progress: Progress,
) -> Mirrored:
    after = Mirrored(head, datetime.now(UTC))
    wanted: list[RemoteFile] = []
    for path, file in sorted(listed.items()):
        if path.startswith(".") and not path.startswith(("./", "../")):
            continue  # git's own
        if refusal := _refusal(file):
            after.refused.append(refusal)
            continue
        after.versions[path] = file.version
        known = before.versions.get(path)
        if path.startswith(OWN_FOLDER) and _is_own(folder / path, known):
            continue
        if not _is_there(folder / path, file, trusted=known == file.version and not verify):
            wanted.append(file)
    _fetch(repository, folder, wanted, head, patience, progress)
    after.fetched = len(wanted)
    return after


def _forget(folder: Path, gone: Iterable[str]) -> None:
    for path in gone:
        with storage_errors(folder / path):
            (folder / path).unlink(missing_ok=True)


def _refusal(file: RemoteFile) -> Skipped | None:
    if not is_safe(file.path):
        return Skipped(file.path, "its name is not safe to write on every platform")
    if file.path.startswith("results/"):
        return too_large(file.path) if file.size > LARGEST_RECORD else None
    if file.size > LARGEST_OTHER:
        return Skipped(file.path, f"larger than {LARGEST_OTHER // 2**20} MiB, the most a table may have")
    return None


def _is_own(target: Path, known: str | None) -> bool:
    """Whether a file was written here since it came from the Hub, or never came from there."""
    with storage_errors(target):
        return target.is_file() and (known is None or not is_version(target.read_bytes(), known))


def _is_there(target: Path, file: RemoteFile, *, trusted: bool) -> bool:
    with storage_errors(target):
        if not target.is_file() or target.stat().st_size != file.size:
            return False
        return trusted or file.holds(target.read_bytes())


def _fetch(
    repository: HubRepository,
    folder: Path,
    wanted: list[RemoteFile],
    revision: str,
    patience: Patience,
    progress: Progress,
) -> None:
    for stale in folder.glob(INCOMING + "*"):
        shutil.rmtree(stale, ignore_errors=True)  # of a mirror that was killed
    if not wanted:
        return
    incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=folder))
    pool = ThreadPoolExecutor(DOWNLOADS_AT_ONCE)
    try:
        running = [pool.submit(_fetch_one, repository, folder, incoming, file, revision, patience) for file in wanted]
        for done, future in enumerate(as_completed(running), 1):
            future.result()
            progress(done, len(wanted))
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(incoming, ignore_errors=True)


def _fetch_one(
    repository: HubRepository, folder: Path, incoming: Path, file: RemoteFile, revision: str, patience: Patience
) -> None:
    target = folder / file.path

    def attempt() -> None:
        with storage_errors(target):
            arrived = repository.fetch(file.path, revision, incoming)
            if not file.holds(arrived.read_bytes()):
                arrived.unlink()
                raise RuntimeError(f"{file.path} did not arrive as it was sent")
            target.parent.mkdir(parents=True, exist_ok=True)
            arrived.replace(target)

    persist(attempt, repository.url, patience)


def _written(state: Mirrored, url: str) -> dict[str, Any]:
    return {
        "url": url,
        "commit": state.commit,
        "fetched_at": state.fetched_at.isoformat() if state.fetched_at else None,
        "versions": state.versions,
        "refused": [[file.path, file.reason] for file in state.refused],
    }
