"""Readers of parquet: the tables that the page draws from, and scores of samples that somebody hands over."""

from __future__ import annotations

import dataclasses
import io
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from factories import experiment, registration
from fuzzing.feeding import Target
from fuzzing.mutations import spoiled_bytes, spoiled_json

from suite.aggregate import Board
from suite.aggregate.cells import cells_of, cells_parquet, read_cells
from suite.aggregate.moments_file import MomentsFile, moments_parquet
from suite.aggregate.prepared import as_parquet, facts_json, jsonable
from suite.aggregate.prepared_reading import read_prepared
from suite.aggregate.versions import LATEST, scored
from suite.features import Features, TrackContext
from suite.features.quality import Quality
from suite.pool import pool_from_records
from suite.reporting import no_progress
from suite.sealed import SEAL

ODD_VALUES: tuple[Any, ...] = (
    None,
    float("nan"),
    float("inf"),
    -1,
    0,
    2**40,
    "",
    "x" * 10_000,
    True,
    b"\xff\xfe",
    [1.0],
)
ODD_VALUES += ([], {"a": 1}, "\u202e", 10**18, -0.0, "k-means:clusters=5")
KINDS = (pa.int8(), pa.int64(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.bool_(), pa.null())
KINDS += (pa.list_(pa.float64()), pa.large_string(), pa.timestamp("us"), pa.decimal128(30, 2))


def spoiled_parquet(
    table: pa.Table, chance: random.Random, changes: int, metadata: Mapping[str, str] | None = None
) -> bytes:
    """A parquet file of this table with values, types, names, rows and notes changed; or with bytes changed."""
    notes = dict(metadata or {})
    for _ in range(changes):
        table, notes = _change(table, notes, chance)
    page = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(notes), page, compression=chance.choice(("zstd", "none", "snappy")))
    written = page.getvalue()
    return spoiled_bytes(written, chance, 1) if chance.random() < 0.4 else written


def _change(table: pa.Table, notes: dict[str, str], chance: random.Random) -> tuple[pa.Table, dict[str, str]]:
    place = chance.randrange(table.num_columns) if table.num_columns else 0
    kind = chance.randrange(8)
    if not table.num_columns:
        return table, notes
    name = table.column_names[place]
    if kind == 0:
        return table.remove_column(place), notes
    if kind == 1:
        names = list(table.column_names)
        names[place] = chance.choice(("", "id", "extra", "task_", name.upper(), names[0]))
        return table.rename_columns(names), notes
    if kind == 2:
        rows = chance.choice((0, 1, table.num_rows // 2))
        return table.slice(0, rows), notes
    if kind == 3:
        return pa.concat_tables([table, table.slice(0, chance.choice((1, table.num_rows)))]), notes
    if kind == 4 and notes:
        key = chance.choice(sorted(notes))
        spoiled = spoiled_json(_json(notes[key]), chance, 2)
        return table, notes | {key: spoiled.decode("utf-8", "replace")}
    if kind == 5:
        return table, {key: value for key, value in notes.items() if chance.random() < 0.5}
    if kind == 6:
        return _with_kind(table, place, chance.choice(KINDS)), notes
    values = table.column(place).to_pylist()
    if values:
        values[chance.randrange(len(values))] = chance.choice(ODD_VALUES)
    for wanted in (table.schema.field(place).type, None, pa.string()):
        try:
            return table.set_column(place, name, pa.array(values, wanted)), notes
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    return table, notes


def _with_kind(table: pa.Table, place: int, kind: pa.DataType) -> pa.Table:
    name = table.column_names[place]
    try:
        return table.set_column(place, name, table.column(place).cast(kind))
    except (pa.ArrowException, TypeError, ValueError):
        return table.set_column(place, name, pa.nulls(table.num_rows, kind))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _columns(content: bytes) -> tuple[pa.Table, dict[str, str]]:
    table = pq.read_table(pa.BufferReader(content))
    notes = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return table, {key: value for key, value in notes.items() if key != "ARROW:schema"}


def _spoiler(content: bytes) -> Any:
    table, notes = _columns(content)
    bare = table.replace_schema_metadata(None)
    return lambda chance, changes: spoiled_parquet(bare, chance, changes, notes)


RESULTS = experiment({"k-center": 0.1}, seeds=2, draws=2, items=12)
REGISTERED = registration(2, 2)
BOARD, TABLE_MOMENTS = scored(LATEST, RESULTS, REGISTERED)
FACTS, ROWS = facts_json(BOARD, "d").encode(), as_parquet(BOARD)
SMALL_FACTS = {key: value for key, value in json.loads(FACTS).items() if key not in (SEAL, "files")}
"""Without its hashes, which whoever spoils the file can leave out, too."""


def _shown(board: Board) -> str:
    # What the page sends to browsers: no text in it may be half a character.
    json.dumps(jsonable(dataclasses.asdict(board)), ensure_ascii=False, allow_nan=False).encode()
    return f"{sum(len(table.rows) for table in board.tables)} rows"


def _board_facts(content: bytes) -> str:
    return _shown(read_prepared(content, ROWS).board)


def _board_rows(content: bytes) -> str:
    return _shown(read_prepared(FACTS, content).board)


def _cells(content: bytes) -> str:
    found = read_cells(content)
    for line in found:
        assert found.find(line.path) is not None
    return f"{len(found)} lines"


def _moments(content: bytes) -> str:
    found = MomentsFile(io.BytesIO(content))
    for table in range(len(found)):
        found.read(table)
    return f"{len(found)} tables"


POOL = pool_from_records([{"id": str(row), "instruction": f"say {row}", "output": f"{row}"} for row in range(5)])
SCORES = pa.table({"id": [str(row) for row in range(5)], "quality": [0.5, 1.0, 0.0, 2.5, 3.0]})


def scores_target(folder: Path) -> Target:
    """Reads scores of a pool of five samples."""
    file = folder / "scores.parquet"

    def read(content: bytes) -> str:
        file.write_bytes(content)
        feature = Quality(str(file))
        arrays = feature.compute(POOL, Features(TrackContext("test", 5), {}), no_progress)
        assert (arrays["values"] >= 0).all()
        return "taken"

    return Target("scores parquet", lambda chance, changes: spoiled_parquet(SCORES, chance, changes), read)


def targets_in(folder: Path) -> tuple[Target, ...]:
    """Readers of tables; those of files read them in this folder."""
    return (
        Target("board's facts JSON", lambda chance, changes: spoiled_json(SMALL_FACTS, chance, changes), _board_facts),
        Target("board's rows parquet", _spoiler(ROWS), _board_rows),
        Target("cells parquet", _spoiler(cells_parquet(cells_of(RESULTS, REGISTERED))), _cells),
        Target("moments parquet", _spoiler(moments_parquet(TABLE_MOMENTS or (), "d")), _moments),
        scores_target(folder),
    )
