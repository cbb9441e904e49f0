"""Committing: batches of a size the Hub likes, conditional on the newest commit, and never the same thing twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from suite.errors import StoreConflict
from suite.results import Result
from suite.stores.hub.patience import Patience, persist
from suite.stores.hub.repository import HubRepository, RemoteFile
from suite.stores.records import LARGEST_RECORD, read_record

FILES_A_COMMIT = 100
"""What the Hub advises at most."""
BYTES_A_COMMIT = 48 * 2**20


def batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Divide paths, with the bytes of each, into commits; one that is too large alone goes alone."""
    batch: list[str] = []
    total = 0
    for path, size in sizes.items():
        if batch and (len(batch) == FILES_A_COMMIT or total + size > BYTES_A_COMMIT):
            yield batch
            batch, total = [], 0
        batch.append(path)
        total += size
    if batch:
        yield batch


def append_records(repository: HubRepository, records: Mapping[str, bytes], patience: Patience) -> None:
    """Add records (path to bytes) in one commit and return once the Hub has them all.

    Every attempt asks first what is there. So a commit that landed although its answer was lost is not made again,
    and a record that another publisher has brought meanwhile stays as that one wrote it.
    """

    def attempt() -> None:
        head = repository.head()
        there = repository.some(records, head)
        missing = {
            path: content
            for path, content in records.items()
            if path not in there or not _settled(repository, there[path], content, head)
        }
        if missing:
            some = next(iter(missing))
            rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            repository.commit(missing, parent=head, message=f"Add {some}{rest}")

    persist(attempt, repository.url, patience)


def _settled(repository: HubRepository, remote: RemoteFile, content: bytes, revision: str) -> bool:
    """Whether what lies on the Hub is the record: the same bytes, or the same result at another cost."""
    if remote.holds(content):
        return True
    if remote.size > LARGEST_RECORD:
        return False
    return isinstance(read_record(remote.path, repository.read(remote.path, revision)), Result)


def replace_files(
    repository: HubRepository,
    files: Mapping[str, bytes],
    expected: Mapping[str, str | None],
    message: str,
    patience: Patience,
) -> None:
    """Write files in one commit if those in `expected` still have the version given there.

    Raises StoreConflict otherwise. A commit of somebody else to other files is no conflict: it is tried again.
    """
    sent = False

    def attempt() -> None:
        nonlocal sent
        head = repository.head()
        there = repository.some({*files, *expected}, head)
        if sent and all(path in there and there[path].holds(content) for path, content in files.items()):
            return  # an earlier attempt landed, and only its answer was lost
        for path, version in expected.items():
            found = there[path].version if path in there else None
            if found != version:
                raise StoreConflict(f"{path} in {repository.url} has changed meanwhile. Read it again and decide anew.")
        sent = True
        repository.commit(files, parent=head, message=message or "Update " + ", ".join(sorted(files)))

    persist(attempt, repository.url, patience)
