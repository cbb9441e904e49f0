"""From rows to a pool on disk: streamed once into an Arrow file in the cache, then memory-mapped.

Drop rules, duplicate ids and the fingerprint are handled in that one pass, so a pool far larger than memory
loads in the memory of a few batches (measured by the tests).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.atomic import atomic_folder, storage_errors
from suite.errors import PoolError
from suite.hashing import content_key, file_sha256
from suite.home import cache_folder
from suite.pool.pool import Fingerprint, Pool, Sample
from suite.pool.readers import RowSource
from suite.pool.shapes import MAX_SAMPLE_BYTES, DroppedRowError, DropReason, known_shapes, to_sample
from suite.reporting import Notify, Progress
from suite.sealed import sealed, unsealed

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
BATCH_ROWS = 4096
BATCH_BYTES = 16 << 20
HASHED_BYTES = 512 << 20
"""A converted pool up to this size is hashed when it is opened."""


@dataclass(frozen=True)
class Rules:
    """What turns rows into samples: the reasons rows may be dropped for, the size limit, the prefix off ids."""

    drop: frozenset[str] = frozenset(DropReason)
    max_sample_bytes: int = MAX_SAMPLE_BYTES
    id_prefix: str = ""

    def key(self) -> dict[str, Any]:
        """The rules as content for a key."""
        return {"drop": sorted(self.drop), "max": self.max_sample_bytes, "prefix": self.id_prefix, "format": FORMAT}


def cached_pool(
    open_rows: Callable[[], RowSource],
    *,
    identity: Mapping[str, Any],
    name: str,
    rules: Rules,
    progress: Progress,
    notify: Notify,
) -> Pool:
    """The pool of a source, from the cache where it was converted before.

    `identity` is the content the key is made of (a file's sha256, a revision); `name` stands in errors and in the
    `source` column of rows that have none. Two processes convert once: the second waits. Raises PoolError.
    """
    from filelock import FileLock

    folder = cache_folder() / "pools" / content_key({**identity, "name": name, "rules": rules.key()})
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        lock.acquire()
    try:
        if folder.is_dir():
            pool = _open(folder)
            if pool is not None:
                return pool
            notify(f"The cached copy of pool {name} is damaged; converting it again.")
            _remove(folder)
        with atomic_folder(folder) as temporary:
            _convert(open_rows(), temporary, name, rules, progress)
        pool = _open(folder)
    finally:
        lock.release()
    if pool is None:
        raise PoolError(f"The cached copy of pool {name} in {folder} cannot be read; check the disk and run again.")
    return pool


def _open(folder: Path) -> Pool | None:
    """The memory-mapped pool of a cache folder, or None when a file is missing or not as it was written."""
    import pyarrow as pa

    data = folder / "pool.arrow"
    try:
        facts = unsealed((folder / "facts.json").read_bytes())
        if data.stat().st_size != facts["bytes"]:
            return None
        # Copies of before have no hash; a huge one is checked by its size alone: hashing it would take many seconds.
        if facts["bytes"] <= HASHED_BYTES and facts.get("sha256", "") not in ("", file_sha256(data)):
            return None
        table = pa.ipc.open_file(pa.memory_map(str(data))).read_all()
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None
    return Pool(table=table, fingerprint=facts["fingerprint"], dropped=facts["dropped"])


def _remove(folder: Path) -> None:
    with storage_errors(folder):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def _convert(source: RowSource, folder: Path, name: str, rules: Rules, progress: Progress) -> None:
    import pyarrow as pa

    fingerprint, ids = Fingerprint(), IdLedger()
    dropped: Counter[str] = Counter()
    columns: tuple[str, ...] = ()
    data = folder / "pool.arrow"
    with pa.OSFile(str(data), "wb") as file, pa.ipc.new_file(file, arrow_schema()) as writer:
        batch, size = [], 0
        for row, record in source.rows():
            try:
                if isinstance(record, DropReason):
                    raise DroppedRowError(record)
                columns = columns or tuple(record)
                sample = to_sample(
                    record, row=row, source=name, id_prefix=rules.id_prefix, max_bytes=rules.max_sample_bytes
                )
            except DroppedRowError as error:
                if error.reason not in rules.drop:
                    raise PoolError(
                        f"{name}, row {row}: {error.reason}; this track allows no such row to be dropped."
                    ) from None
                dropped[error.reason.value] += 1
                continue
            size += fingerprint.add(sample)
            ids.add(sample.id, row)
            batch.append(sample)
            if len(batch) == BATCH_ROWS or size > BATCH_BYTES:
                writer.write_batch(_batch(batch))
                progress(*source.progress())
                batch, size = [], 0
        if batch:
            writer.write_batch(_batch(batch))
    progress(*source.progress())
    if not len(ids):
        reasons = ", ".join(f"{reason} ({count})" for reason, count in dropped.items())
        raise PoolError(
            f"{name} has no usable sample; dropped: {reasons}. "
            f"Its first row has the columns {', '.join(columns) or 'none'}; known shapes: {known_shapes()}."
        )
    _refuse_duplicates(ids, data, name)
    facts = {"fingerprint": fingerprint.hexdigest(), "dropped": dict(dropped), "bytes": data.stat().st_size}
    facts["sha256"] = file_sha256(data)
    (folder / "facts.json").write_text(sealed(facts), encoding="utf-8")


def arrow_schema() -> pa.Schema:
    """Columns of a converted pool: five texts, and the turns of a conversation (null for one exchange)."""
    import pyarrow as pa

    turn = pa.struct([("role", pa.string()), ("text", pa.string())])
    texts = [(name, pa.string()) for name in ("id", "instruction", "input", "output", "source")]
    return pa.schema([*texts, ("turns", pa.list_(turn))])


def _batch(samples: list[Sample]) -> pa.RecordBatch:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: [getattr(sample, name) for sample in samples]
        for name in ("id", "instruction", "input", "output", "source")
    }
    columns["turns"] = [
        [{"role": role, "text": text} for role, text in sample.turns] if sample.turns else None for sample in samples
    ]
    return pa.RecordBatch.from_pydict(columns, schema=arrow_schema())


class IdLedger:
    """Which ids were seen, as 64-bit hashes and row numbers: 16 bytes an id however long the ids are."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._pending: list[tuple[int, int]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, identifier: str, row: int) -> None:
        """Note an id and the row it came from."""
        self._pending.append((hash(identifier), row))
        self._count += 1
        if len(self._pending) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        pairs = np.asarray(self._pending, dtype=np.int64).reshape(-1, 2)
        self._hashes.append(pairs[:, 0].copy())
        self._rows.append(pairs[:, 1].copy())
        self._pending.clear()

    def candidates(self) -> list[list[tuple[int, int]]]:
        """Groups of (position, row) whose ids hash equally; almost always equal ids, to be confirmed."""
        self._flush()
        hashes, rows = np.concatenate(self._hashes), np.concatenate(self._rows)
        order = np.argsort(hashes, kind="stable")
        equal = hashes[order][1:] == hashes[order][:-1]
        groups: dict[int, list[tuple[int, int]]] = {}
        for place in np.flatnonzero(np.r_[False, equal] | np.r_[equal, False]):
            position = int(order[place])
            groups.setdefault(int(hashes[position]), []).append((position, int(rows[position])))
        return list(groups.values())


def _refuse_duplicates(ids: IdLedger, data: Path, name: str) -> None:
    groups = ids.candidates()
    if not groups:
        return
    import pyarrow as pa

    column = pa.ipc.open_file(pa.memory_map(str(data))).read_all().column("id")
    for group in groups:
        seen: dict[str, int] = {}
        for position, row in group:
            identifier = column[position].as_py()
            if identifier in seen:
                raise PoolError(
                    f"{name}: id {identifier!r} stands twice, in rows {seen[identifier]} and {row}; ids must be unique."
                )
            seen[identifier] = row
