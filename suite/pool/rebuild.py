"""Rebuild the open-117k pool, and the parts it is made of, from their public sources.

    python -m suite.pool.rebuild OUT_FOLDER               every part, then open-117k itself
    python -m suite.pool.rebuild OUT_FOLDER --only lima-1k

Sources are files of public GitHub repositories, each pinned by commit and sha256 (suite/pool/open_117k.json).
With OUT_FOLDER = $BREADTH_DATA/pools the tracks find what was built.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from suite.atomic import atomic_file
from suite.errors import BreadthError, PoolError, UnknownNameError
from suite.pool.parts import Record, part_records, parts
from suite.pool.pool import COLUMNS, pool_from_records
from suite.track import load_track

POOL = "open-117k"
SIZE = 117_000
FILLER = "t0-55k"


def compose(records_of: Mapping[str, Iterable[Record]], size: int = SIZE, filler: str = FILLER) -> list[Record]:
    """The rows of open-117k from the rows of its parts (part name to rows, in the order they are taken).

    Every row of every part but the filler is taken, less those equal in instruction, input and output to one
    already taken; then the filler's, in the order of the SHA-256 hex digest of their ids, until there are
    `size`. The whole is ordered by that digest, so the first rows of it are a fair sample. Raises PoolError when
    the parts do not give exactly `size` rows.
    """
    seen: set[tuple[str, str, str]] = set()

    def unseen(records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            content = (record["instruction"], record["input"], record["output"])
            if content not in seen:
                seen.add(content)
                yield record

    taken = [record for part, records in records_of.items() if part != filler for record in unseen(records)]
    for record in unseen(sorted(records_of[filler], key=_digest)):
        if len(taken) >= size:
            break
        taken.append(record)
    if len(taken) != size:
        raise PoolError(f"The parts give {len(taken)} rows where {size} are wanted; a source has changed.")
    return sorted(taken, key=_digest)


def _digest(record: Record) -> str:
    return hashlib.sha256(record["id"].encode()).hexdigest()


def write_parquet(records: Sequence[Record], path: Path) -> None:
    """Write rows as zstd parquet (five text columns), whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array([record[name] for record in records], pa.string()) for name in COLUMNS})
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def rebuild(folder: Path, only: str | None = None) -> None:
    """Build one part, or all of them and open-117k, into `folder`, printing what is done."""
    from rich.progress import Progress, TaskID

    wanted = [part for name, part in parts().items() if only in (None, name)]
    if not wanted:
        raise UnknownNameError("part", str(only), parts())
    built: dict[str, list[Record]] = {}
    with Progress() as bars:
        for part in wanted:
            bar = bars.add_task(part.name, total=len(part.files))

            def advance(done: int, total: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=done, total=total)

            built[part.name] = part_records(part, notify=_quiet, progress=advance)
            write_parquet(built[part.name], folder / f"{part.name}.parquet")
    for name, records in built.items():
        print(f"{name}: {len(records):,} rows")
    if only is not None:
        return
    whole = compose(built)
    found, pinned = pool_from_records(whole).fingerprint, load_track("m2m").pool.fingerprint
    if found != pinned:
        raise PoolError(f"The rebuilt pool has fingerprint {found}, the m2m track pins {pinned}; it is not written.")
    write_parquet(whole, folder / f"{POOL}.parquet")
    print(f"{POOL}: {len(whole):,} rows, fingerprint {found} (the one the m2m track pins)")


def _quiet(message: str) -> None:
    """The progress bar says what is fetched; a line a file would bury it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m suite.pool.rebuild",
        description="Rebuild the open-117k pool and its parts from public files pinned by commit and sha256.",
        epilog="Example: python -m suite.pool.rebuild $BREADTH_DATA/pools",
    )
    parser.add_argument("folder", type=Path, metavar="OUT_FOLDER", help="where the parquet files go")
    parser.add_argument("--only", metavar="PART", help=f"build one part alone: {', '.join(parts())}")
    options = parser.parse_args(arguments)
    try:
        rebuild(options.folder, options.only)
    except BreadthError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
