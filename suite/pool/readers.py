"""Rows of a parquet, jsonl or csv file, one at a time, each with its number in the file.

A reader never holds the file: it yields `(row, record)`, where `record` is a mapping, or the DropReason of a row
that could not be decoded. What breaks the whole file is a PoolError that names file and line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from suite.errors import PoolError
from suite.pool.shapes import DropReason, fits_a_shape, known_shapes

Row = tuple[int, Mapping[str, Any] | DropReason]
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
FORMATS = (".parquet", ".jsonl", ".csv")
# A file without line breaks (a JSON array, say) must not be read into memory whole.
MAX_LINE_BYTES = 64 << 20


class RowSource(Protocol):
    """Rows of one source, read once, in order."""

    def rows(self) -> Iterator[Row]:
        """Every row with its number from 0."""

    def progress(self) -> tuple[int, int]:
        """How far the reading is, as (done, total) in a unit of the source's own."""


def file_rows(path: Path) -> RowSource:
    """The reader for a file, by its ending; PoolError when it is missing, empty or of an unknown kind."""
    endings = path.suffixes[-2:]
    compression = COMPRESSIONS.get(endings[-1]) if endings else None
    kind = (endings[-2] if len(endings) == 2 else "") if compression else path.suffix
    if kind not in FORMATS or (compression and kind == ".parquet"):
        raise PoolError(
            f"{path.name} has no ending Breadth reads: use .parquet, .jsonl or .csv (the last two also as .gz or .zst)."
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PoolError(f"{path} cannot be read: {error.strerror}.") from error
    if size == 0:
        raise PoolError(f"{path} is empty (0 bytes); a pool needs at least one sample.")
    if kind == ".parquet":
        return ParquetRows(path)
    return TextRows(path, kind, compression, size)


def check_columns(columns: list[str], name: str) -> None:
    """Raise PoolError when no known shape fits the columns of a table."""
    if not fits_a_shape(columns):
        raise PoolError(f"{name} has the columns {', '.join(columns)}; needed is one of: {known_shapes()}.")


class ParquetRows:
    """Rows of a parquet file, a small batch in memory at a time."""

    def __init__(self, path: Path):
        import pyarrow.parquet as pq
        from pyarrow import ArrowException

        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (ArrowException, OSError) as error:
            raise PoolError(
                f"{path} is no whole parquet file ({_first_line(error)}); fetch or write it again."
            ) from error
        self._done = 0
        check_columns(list(self._file.schema_arrow.names), str(path))

    def rows(self) -> Iterator[Row]:
        """Every row with its number from 0."""
        from pyarrow import ArrowException

        try:
            for batch in self._file.iter_batches(batch_size=1024):
                yield from batch_rows(batch, self._done)
                self._done += batch.num_rows
        except (ArrowException, OSError, ValueError, OverflowError) as error:
            raise PoolError(f"{self._path} is damaged after row {self._done}: {_first_line(error)}.") from error

    def progress(self) -> tuple[int, int]:
        """Rows read and rows in the file."""
        return self._done, int(self._file.metadata.num_rows)


def batch_rows(batch: Any, first: int) -> Iterator[Row]:
    """Rows of an Arrow batch or table; a row whose text is not UTF-8 yields the reason instead."""
    try:
        yield from enumerate(batch.to_pylist(), start=first)
    except UnicodeDecodeError:
        for position in range(batch.num_rows):
            try:
                yield first + position, batch.slice(position, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield first + position, DropReason.INVALID_UTF8


@dataclass
class TextRows:
    """Rows of a jsonl or csv file, compressed or not."""

    path: Path
    kind: str
    compression: str | None
    size: int
    _raw: Any = None

    def rows(self) -> Iterator[Row]:
        """Every row with its number from 0; blank lines are no rows."""
        import pyarrow as pa

        with pa.OSFile(str(self.path), "rb") as raw, self._reading():
            stream = pa.CompressedInputStream(raw, self.compression) if self.compression else raw
            with io.BufferedReader(stream, buffer_size=1 << 20) as file:
                self._raw = raw
                yield from self._jsonl(file) if self.kind == ".jsonl" else self._csv(file)

    def progress(self) -> tuple[int, int]:
        """Bytes read and bytes in the file."""
        return (self.size if self._raw is None or self._raw.closed else self._raw.tell()), self.size

    @contextmanager
    def _reading(self) -> Iterator[None]:
        from pyarrow import ArrowException

        try:
            yield
        except (ArrowException, OSError, EOFError) as error:
            raise PoolError(f"{self.path} is damaged or cut short: {_first_line(error)}.") from error

    def _jsonl(self, file: io.BufferedReader) -> Iterator[Row]:
        row, number = 0, 0
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) == MAX_LINE_BYTES:
                raise PoolError(f"{self.path}, line {number}: longer than 64 MiB; jsonl has one sample a line.")
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError:
                yield row, DropReason.INVALID_UTF8
            except (ValueError, RecursionError) as error:  # of syntax, or of numbers with thousands of digits
                raise PoolError(f"{self.path}, line {number}: broken JSON ({error}).") from error
            else:
                if not isinstance(record, dict):
                    raise PoolError(f"{self.path}, line {number}: a JSON object is wanted, one a line.")
                yield row, record
            row += 1
        if row == 0:
            raise PoolError(f"{self.path} holds no rows; a pool needs at least one sample.")

    def _csv(self, file: io.BufferedReader) -> Iterator[Row]:
        # Surrogates stand for bytes that are not UTF-8, so such a row can be dropped alone.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        csv.field_size_limit(MAX_LINE_BYTES)
        reader = csv.reader(text, strict=True)
        row = 0
        try:
            header = next(reader, [])
            check_columns(header, str(self.path))
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise PoolError(
                        f"{self.path}, line {reader.line_num}: {len(fields)} fields where the header has {len(header)}."
                    )
                yield row, dict(zip(header, fields, strict=True))
                row += 1
        except csv.Error as error:
            raise PoolError(f"{self.path}, line {reader.line_num}: broken csv ({error}).") from error
        if row == 0:
            raise PoolError(f"{self.path} has a header and no rows; a pool needs at least one sample.")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
