"""A store in a local folder, of the same shape as the dataset repository on the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from suite.atomic import atomic_file, storage_errors, write_text
from suite.errors import StoreError
from suite.results import SCHEMA_VERSION, Result
from suite.stores.protocol import Skipped

LARGEST_RECORD = 64 * 2**20
"""Bytes; a stranger's file above this is not read."""


class LocalStore:
    """Results in a folder; see `suite.stores.protocol.Store`."""

    def __init__(self, folder: Path):
        self.folder = folder.absolute()
        self.url = f"file:{self.folder}"
        self.skipped: list[Skipped] = []
        self.superseded = 0
        if self.folder.exists() and not self.folder.is_dir():
            raise StoreError(f"The store {self.folder} is a file, not a folder. Give --store another place.")

    def put(self, result: Result) -> str:
        """Add a result, whole or not at all; one of the same content stays as it is, its cost included."""
        target = self.folder / result.path
        with storage_errors(target):
            known = target.is_file()
        # A file that a crash or a stranger damaged is no record, so replacing it appends.
        if not known or isinstance(self._read(target), Skipped):
            write_text(target, result.to_json())
        return result.path

    def put_table(self, name: str, content: bytes) -> str:
        """Write a table for the page beside the results, in place of an older one."""
        path = f"leaderboard/{name}"
        with atomic_file(self.folder / path) as temporary:
            temporary.write_bytes(content)
        return path

    def results(self, track: str | None = None) -> Iterator[Result]:
        """Every valid record (of one track), in the order of the paths, corrected ones left out."""
        self.skipped = []
        self.superseded = 0
        for cell_folder, files in self._cell_folders(track):
            records = [record for name in files if (record := self._accept(cell_folder / name)) is not None]
            corrected = {record.supersedes for record in records}
            current = [record for record in records if record.record_id not in corrected]
            self.superseded += len(records) - len(current)
            yield from current

    def of_cell(self, cell_id: str) -> list[Result]:
        """The valid records of one cell; damaged ones are listed in `skipped`."""
        self.skipped = []
        found = sorted((self.folder / "results").glob(f"*/*/{cell_id}/*.json"))
        return [record for path in found if (record := self._accept(path)) is not None]

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
                return Skipped(relative, f"larger than {LARGEST_RECORD // 2**20} MiB, the most a record may have")
            document = json.loads(path.read_bytes())
            version = document.get("schema_version") if isinstance(document, dict) else None
            if type(version) is int and version > SCHEMA_VERSION:
                return Skipped(relative, f"schema version {version}, and this Breadth reads up to {SCHEMA_VERSION}")
            result = Result.model_validate(document)
            # The name holds the content's hash, so a record that was edited in place gives itself away here.
            if result.path != relative:
                return Skipped(relative, f"its content belongs at {result.path}")
            for task in result.tasks:
                task.unpack()
        except OSError as error:
            return Skipped(relative, f"cannot be read: {error.strerror or error}")
        except ValidationError as error:
            first = error.errors()[0]
            return Skipped(relative, f"{'.'.join(map(str, first['loc'])) or 'the record'}: {first['msg']}")
        except RecursionError:
            return Skipped(relative, "not a result: nested too deeply")
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return Skipped(relative, f"not JSON: {error}")
        except ValueError as error:
            return Skipped(relative, str(error))
        return result

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append(Skipped(path.relative_to(self.folder).as_posix(), reason))

    def _unreadable(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # an empty store, or one of another track
        path = Path(error.filename)
        self._skip(path, f"cannot be read: {error.strerror}")
