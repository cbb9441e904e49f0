"""A store in a local folder, of the same shape as the dataset repository on the Hub."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from suite.atomic import storage_errors, write_bytes
from suite.errors import StoreConflict, StoreError
from suite.results import Result
from suite.stores.protocol import Blob, Skipped
from suite.stores.records import (
    LARGEST_RECORD,
    as_record,
    checked_file,
    checked_path,
    is_safe,
    read_record,
    too_large,
    without_corrected,
)


class LocalStore:
    """Results and other files in a folder; see `suite.stores.protocol.Store`."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()
        self.url = f"file:{self.folder}"
        self.skipped: list[Skipped] = []
        self.superseded = 0
        self.trouble: str | None = None
        if self.folder.exists() and not self.folder.is_dir():
            raise StoreError(f"The store {self.folder} is a file, not a folder. Give --store another place.")

    @property
    def as_of(self) -> datetime:
        """Now: a folder is always read as it is."""
        return datetime.now(UTC)

    def put(self, result: Result) -> str:
        """Add a result, whole or not at all; one of the same content stays as it is, its cost included."""
        self.put_content(result.path, as_record(result))
        return result.path

    def put_many(self, results: Iterable[Result]) -> list[str]:
        """Add results one by one, in the order given."""
        return [self.put(result) for result in results]

    def put_content(self, path: str, content: bytes) -> None:
        """Add a record's bytes at its path; a valid record that is there already stays as it is."""
        # A file that a crash or a stranger damaged is no record, so replacing it appends.
        if not self.holds(path):
            write_bytes(self.folder / path, content)

    def holds(self, path: str) -> bool:
        """Whether a valid record lies at the path."""
        target = self.folder / path
        with storage_errors(target):
            return target.is_file() and isinstance(self._read(target), Result)

    def results(self, track: str | None = None) -> Iterator[Result]:
        """Every valid record (of one track), in the order of the paths, corrected ones left out."""
        self.skipped = []
        self.superseded = 0
        for _, cells in itertools.groupby(self._cell_folders(track), key=lambda cell: cell[0].parent):
            paths = (cell_folder / name for cell_folder, files in cells for name in files)
            records = [record for path in paths if (record := self._accept(path)) is not None]
            current = without_corrected(records)
            self.superseded += len(records) - len(current)
            yield from current

    def of_cell(self, cell_id: str) -> list[Result]:
        """The valid records of one cell, see `Store`; damaged ones are listed in `skipped`."""
        self.skipped = []
        found = sorted(self.folder.glob(f"results/*/*/{cell_id}/*.json"))
        return without_corrected([record for path in found if (record := self._accept(path)) is not None])

    def paths(self, prefix: str = "") -> list[str]:
        """The sorted paths of all files that begin with `prefix`."""
        found = []
        # A prefix that names a folder is looked for there alone: beside ten thousand results a queue is small.
        inner = prefix.rpartition("/")[0]
        start = self.folder / inner if inner and is_safe(inner) else self.folder
        for place, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(place).relative_to(self.folder)
            found += [(inside / name).as_posix() for name in files if not name.startswith(".")]
        return sorted(path for path in found if path.startswith(prefix))

    def read(self, path: str) -> Blob | None:
        """The file at `path`, its version being its sha256."""
        target = self.folder / checked_path(path)
        with storage_errors(target):
            if not target.is_file():
                return None
            content = target.read_bytes()
        return Blob(content, hashlib.sha256(content).hexdigest())

    def write(
        self, files: Mapping[str, bytes], *, expected: Mapping[str, str | None] | None = None, message: str = ""
    ) -> None:
        """Write files other than results, each whole or not at all, under the store's lock; `message` is not kept."""
        targets = {self.folder / checked_file(path): content for path, content in files.items()}
        lock = self.folder / ".lock"
        with storage_errors(lock):
            self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            for path, version in (expected or {}).items():
                there = self.read(path)
                if (there and there.version) != version:
                    raise StoreConflict(f"{path} in {self.url} has changed meanwhile. Read it again and decide anew.")
            for target, content in targets.items():
                write_bytes(target, content)

    def _cell_folders(self, track: str | None) -> Iterator[tuple[Path, list[str]]]:
        """Each cell's folder with its file names; a file that lies anywhere else is skipped with the reason."""
        root = self.folder / "results"
        start = root / track if track else root
        for place, folders, files in os.walk(start, onerror=self._unreadable):
            folders.sort()
            folder = Path(place)
            # Hidden names are unfinished writes and the traces of file browsers: never records.
            files = sorted(name for name in files if not name.startswith("."))
            if len(folder.relative_to(root).parts) == 3:
                yield folder, files
            else:
                for name in files:
                    self._skip(folder / name, "no record lies at this depth")

    def _accept(self, path: Path) -> Result | None:
        record = self._read(path)
        if isinstance(record, Skipped):
            self.skipped.append(record)
            return None
        return record

    def _read(self, path: Path) -> Result | Skipped:
        """The record at `path`, or why it is none. A stranger may have written anything there."""
        relative = path.relative_to(self.folder).as_posix()
        try:
            if not path.is_file():
                return Skipped(relative, "not a regular file")
            # Checked before the read: one huge file must not take the memory of the whole board.
            if path.stat().st_size > LARGEST_RECORD:
                return too_large(relative)
            return read_record(relative, path.read_bytes())
        except OSError as error:
            return Skipped(relative, f"cannot be read: {error.strerror or error}")

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append(Skipped(path.relative_to(self.folder).as_posix(), reason))

    def _unreadable(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # an empty store, or one of another track
        path = Path(error.filename)
        self._skip(path, f"cannot be read: {error.strerror}")
