"""The spool: records that the Hub has not confirmed yet, on this disk, each in a file named by its path."""

from __future__ import annotations

from pathlib import Path

from suite.atomic import storage_errors, write_bytes

_SLASH = "~"
"""Stands for / in the names; no path of a record holds it.

One flat folder: were there folders within, one process could remove an empty one just before another writes into it.
"""


class Spool:
    """A folder of records; each is written whole before it counts, and leaves only when the Hub has it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, path: str, content: bytes) -> None:
        """Keep a record until it is published."""
        write_bytes(self._file(path), content)

    def sizes(self) -> dict[str, int]:
        """The bytes of every waiting record, by its path, in the order of the paths."""
        found: dict[str, int] = {}
        if not self.folder.is_dir():
            return found
        for file in self.folder.iterdir():
            if not file.name.startswith("."):
                try:
                    found[file.name.replace(_SLASH, "/")] = file.stat().st_size
                except FileNotFoundError:
                    continue  # published by another process of this machine meanwhile
        return dict(sorted(found.items()))

    def read(self, path: str) -> bytes | None:
        """A waiting record's bytes; None when another process of this machine has published it meanwhile."""
        try:
            return self._file(path).read_bytes()
        except FileNotFoundError:
            return None

    def drop(self, path: str) -> None:
        """Forget a record that the Hub has confirmed."""
        target = self._file(path)
        with storage_errors(target):
            target.unlink(missing_ok=True)

    def _file(self, path: str) -> Path:
        return self.folder / path.replace("/", _SLASH)
