"""Quality: a score a sample that somebody else made, read from a parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features
from suite.hashing import file_sha256
from suite.reporting import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from suite.pool import Pool


@dataclass(frozen=True)
class QualityScores:
    """`values`, shape (n,), float64, finite and not negative, in the pool's order; ids the pool does not have."""

    values: np.ndarray
    unknown_ids: int


@dataclass(frozen=True)
class Quality(Feature):
    """The scores of the column `column` of the parquet file `file`, matched by its column `id`; higher is better.

    Opened as QualityScores. Its key holds the file's content, not its place. Every sample of the pool needs one
    finite score that is not negative (FeatureError names the file, the column and the first id that has none);
    scores of ids that the pool does not have are left out and counted.
    """

    file: str
    column: str = "quality"

    kind: ClassVar[str] = "quality"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pyarrow")

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key: where the file lies is left out, its content stands in `identity`."""
        return {"column": self.column}

    def identity(self) -> dict[str, Any]:
        """The sha256 of the file."""
        try:
            return {"file": file_sha256(Path(self.file))}
        except OSError as error:
            raise FeatureError(
                f"The quality file {self.file} cannot be read: {error.strerror}. "
                f"Give a parquet file with the columns id and {self.column}."
            ) from error

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Read the two columns and put the scores into the pool's order."""
        table = self._table()
        try:
            ids = [str(identifier) for identifier in table.column("id").to_pylist()]
        except UnicodeDecodeError as error:
            raise FeatureError(f"{self.file} has an id that is no UTF-8 ({error}); write it again.") from error
        scores = self._scores(table, ids)
        place = {identifier: row for row, identifier in enumerate(ids)}
        if len(place) != len(ids):
            again = next(row for row, identifier in enumerate(ids) if place[identifier] != row)
            raise FeatureError(f"{self.file} scores id {ids[again]!r} twice (rows {again} and {place[ids[again]]}).")
        wanted = pool.table.column("id").to_pylist()
        missing = [identifier for identifier in wanted if identifier not in place]
        unknown = len(ids) - (len(wanted) - len(missing))
        if missing:
            raise FeatureError(
                f"{self.file} has no score for {len(missing):,} of the pool's {len(wanted):,} samples, first for id "
                f"{missing[0]!r}; {unknown:,} of its {len(ids):,} ids are unknown to the pool."
            )
        rows = np.fromiter((place[identifier] for identifier in wanted), dtype=np.int64, count=len(wanted))
        values = scores[rows]
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(bad):
            raise FeatureError(
                f"Column {self.column!r} of {self.file} scores id {wanted[bad[0]]!r} (row {rows[bad[0]]}) with "
                f"{values[bad[0]]}; a quality is a finite number that is not negative. Bad scores: {len(bad):,}."
            )
        return {"values": values, "unknown_ids": np.asarray([unknown])}

    def open(self, arrays: Mapping[str, np.ndarray]) -> QualityScores:
        """Scores over the memory-mapped values."""
        return QualityScores(arrays["values"], int(arrays["unknown_ids"][0]))

    def _table(self) -> pa.Table:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException

        try:
            names = pq.read_schema(self.file).names
            absent = [name for name in ("id", self.column) if name not in names]
            if absent:
                raise FeatureError(f"{self.file} has no column {absent[0]!r}; it has: {', '.join(names) or 'none'}.")
            return pq.read_table(self.file, columns=["id", self.column])
        except (ArrowException, OSError) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise FeatureError(f"{self.file} is no whole parquet file ({first_line}); write it again.") from error

    def _scores(self, table: pa.Table, ids: list[str]) -> np.ndarray:
        import pyarrow as pa

        column = table.column(self.column)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise FeatureError(f"Column {self.column!r} of {self.file} holds {column.type} values; scores are numbers.")
        # An absent score becomes a NaN, which is refused where the pool has its id; integers beyond 2^53 are rounded.
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
