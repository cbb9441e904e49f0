"""Rows of fixed width, made batch by batch in any order and spooled to disk, so that a killed computation goes on.

What is finished lies in files of a scratch folder, beside a note of how many batches they hold. Batches are the same
whatever was finished before, so a computation that was killed ends with the same bytes as one that was not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from suite.atomic import storage_errors, write_text
from suite.reporting import Progress

SECONDS_BETWEEN_NOTES = 10.0
NOTE = "rows.json"

Batch = TypeVar("Batch", bound=Sequence[int] | np.ndarray)


class RowSpool:
    """Files of `rows` rows; `files` gives each its width and dtype. Open one with `row_spool`.

    `done` is the number of batches that were there when it was opened.
    """

    def __init__(self, scratch: Path, files: Mapping[str, tuple[int, np.dtype]], rows: int):
        self.rows = rows
        self._note = scratch / NOTE
        self._files = {name: (scratch / f"{name}.bin", width, dtype) for name, (width, dtype) in files.items()}
        self._streams: dict[str, BinaryIO] = {}
        whole = self._note.exists() and all(path.exists() for path, _, _ in self._files.values())
        self.done = int(json.loads(self._note.read_text())["batches"]) if whole else 0

    def open(self, opened: ExitStack) -> None:
        """Make the files, or open those that are there."""
        for name, (path, width, dtype) in self._files.items():
            path.touch()
            self._streams[name] = opened.enter_context(path.open("r+b"))
            self._streams[name].truncate(self.rows * width * dtype.itemsize)

    def write(self, name: str, places: np.ndarray | Sequence[int], block: np.ndarray) -> None:
        """Write the rows of `block` at their places."""
        _, width, dtype = self._files[name]
        for place, row in zip(places, block.astype(dtype, copy=False), strict=True):
            self._streams[name].seek(int(place) * width * dtype.itemsize)
            self._streams[name].write(row.tobytes())

    def note(self, batches: int) -> None:
        """Say that the first `batches` batches are on the disk, once they are."""
        for stream in self._streams.values():
            stream.flush()
            os.fsync(stream.fileno())
        write_text(self._note, json.dumps({"batches": batches}))

    def arrays(self) -> dict[str, np.ndarray]:
        """The files, memory-mapped, each of shape (rows, width)."""
        return {
            # An empty file cannot be mapped.
            name: np.memmap(path, dtype=dtype, mode="r", shape=(self.rows, width))
            if self.rows
            else np.zeros((0, width), dtype)
            for name, (path, width, dtype) in self._files.items()
        }


@contextmanager
def row_spool(scratch: Path, files: Mapping[str, tuple[int, np.dtype]], rows: int) -> Iterator[RowSpool]:
    """A spool in `scratch`, open for as long as the block runs; `arrays` may be asked for afterwards."""
    with ExitStack() as opened, storage_errors(scratch):
        spool = RowSpool(scratch, files, rows)
        spool.open(opened)
        yield spool


def resumed(
    batches: Sequence[Batch], done: int, note: Callable[[int], None], progress: Progress, total: int | None = None
) -> Iterator[Batch]:
    """The batches after the first `done`; notes what is finished from time to time and at the end.

    `total` is the number that progress counts up to, where it is more than the rows of all batches.
    """
    total = sum(len(batch) for batch in batches) if total is None else total
    finished = sum(len(batch) for batch in batches[:done])
    progress(finished, total)
    noted = time.monotonic()
    for number, batch in enumerate(batches[done:], start=done + 1):
        yield batch
        finished += len(batch)
        progress(finished, total)
        if number == len(batches) or time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
            note(number)
            noted = time.monotonic()
