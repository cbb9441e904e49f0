"""What a store of results is: append-only, addressed by content, readable though strangers wrote into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from suite.results import Result


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over while reading: its path inside the store, and why."""

    path: str
    reason: str
    future: bool = False
    """It is of a schema that only a newer Breadth reads; nothing is wrong with it."""


@dataclass(frozen=True)
class Blob:
    """A file that is no result, such as a table or a request, with the version that `Store.write` can ask for."""

    content: bytes
    version: str


class Store(Protocol):
    """Results under `results/<track>/<strategy>/<cell id>/<record id>.json`, and other files beside them.

    Results are appended and never changed. Other files are replaced whole, on condition where that is asked for.
    """

    url: str
    folder: Path
    """On this disk: what is read lies here, and outcomes of studies are kept beside it under `studies/`."""
    trouble: str | None
    """Why what is read may be older than what the store holds, in one sentence; None when it is not."""

    @property
    def skipped(self) -> list[Skipped]:
        """What the latest `results` or `of_cell` passed over; complete once its iterator is exhausted."""

    @property
    def superseded(self) -> int:
        """How many records the latest `results` left out because a later record corrects them."""

    @property
    def as_of(self) -> datetime | None:
        """When what is read was last known to be all there is; None when that was never so."""

    def put(self, result: Result) -> str:
        """Add a result and return its path inside the store; one that is there already is left as it is.

        Raises StorageError when nothing can be written, StoreError when the record is too large for any reader.
        """

    def put_many(self, results: Iterable[Result]) -> list[str]:
        """Add results in the order given and return their paths; what was added before an error stays."""

    def results(self, track: str | None = None) -> Iterator[Result]:
        """Every valid record (of one track), in the order of the paths, corrected ones left out."""

    def of_cell(self, cell_id: str) -> list[Result]:
        """The valid records of one cell, corrected ones left out."""

    def paths(self, prefix: str = "") -> list[str]:
        """The sorted paths of all files that begin with `prefix`; hidden files are none of the store's."""

    def read(self, path: str) -> Blob | None:
        """The file at `path` as it is now, or None. Raises StoreError for a path that leaves the store."""

    def write(
        self, files: Mapping[str, bytes], *, expected: Mapping[str, str | None] | None = None, message: str = ""
    ) -> None:
        """Write files other than results, replacing what is there.

        `expected` names, for some paths, the version that `read` gave (None: no such file). When one of them differs
        by now, StoreConflict is raised and nothing is written: of two callers exactly one wins. Raises
        HubUnavailable or StorageError when nothing could be written.
        """


def future_schema(skipped: Iterable[Skipped]) -> int:
    """How many of the files that were passed over are results of a newer schema."""
    return sum(file.future for file in skipped)
