"""A board as the tables a page reads: rows as parquet, and beside them the facts that explain them as JSON.

One file holds one track under one score version. Its tables stand one below the other and never share a row: budget,
base model, base weights, pool and score version are columns, and `table` numbers them as in the JSON. Together the
two files are the whole board, which `suite.aggregate.prepared_reading` gives back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import math
from collections.abc import Mapping
from typing import Any

from suite.aggregate.board import Board, Row, Table
from suite.sealed import sealed

SCHEMA_VERSION = 3
ESTIMATES = ("score", "difference")
PARTS = ("mean", "standard_error", "df", "low", "high")
TASK = "task_"
LATER_TEXTS = ("selection", "remarks", "trained_by")
"""What rows of older tables of this schema lack, each a text."""

Value = str | int | float | bool | None


def flat_rows(board: Board) -> list[dict[str, Value]]:
    """Every row of every table, with the same columns in the same order; None where there is no number."""
    # Tables may differ in tasks; they share one header.
    tasks = list(dict.fromkeys(task.name for table in board.tables for task in table.tasks))
    return [_flat(board, number, table, row, tasks) for number, table in enumerate(board.tables) for row in table.rows]


def as_parquet(board: Board) -> bytes:
    """`flat_rows` and what else a row holds as a parquet file; columns without any value keep their type (floats)."""
    import pyarrow
    import pyarrow.parquet

    sources = [row for table in board.tables for row in table.rows]
    rows = [
        {key: _finite(value) for key, value in (line | _beside_the_numbers(row)).items()}
        for line, row in zip(flat_rows(board), sources, strict=True)
    ]
    table = pyarrow.Table.from_pylist(rows)
    for at, field in enumerate(table.schema):
        if pyarrow.types.is_null(field.type):
            table = table.set_column(at, field.name, table[field.name].cast(pyarrow.float64()))
    table = table.replace_schema_metadata({"track": board.track, "score_version": board.score_version})
    page = io.BytesIO()
    pyarrow.parquet.write_table(table, page, compression="zstd")
    return page.getvalue()


def facts_json(board: Board, results_digest: str = "", files: Mapping[str, bytes] | None = None) -> str:
    """All that stands on a board beside its rows; numbers that do not exist are null.

    `results_digest` says which records it was made from (`suite.stores.aggregates.results_digest`). `files` are the
    track's other prepared files by their endings (`parquet` for the rows): their hashes are kept, and that of the facts
    themselves, so that a reader sees a change.
    """
    document = jsonable(dataclasses.asdict(board))
    for table in document["tables"]:
        table["rows"] = len(table["rows"])
    head = {"schema_version": SCHEMA_VERSION, "results_digest": results_digest}
    hashes = {ending: hashlib.sha256(content).hexdigest() for ending, content in (files or {}).items()}
    return sealed({**head, "files": hashes, **document}, indent=1)


def jsonable(value: Any) -> Any:
    """The same with lists for tuples and None for what JSON has no number for."""
    # NaN is no JSON, and most readers other than Python's refuse the whole file for it.
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return _finite(value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(board: Board, number: int, table: Table, row: Row, tasks: list[str]) -> dict[str, Value]:
    line: dict[str, Value] = {
        "track": board.track,
        "budget": table.budget,
        "base_model": table.base_model,
        "base_weights": table.base_weights,
        "pool": table.pool,
        "score_version": board.score_version,
        "table": number,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "strategy": row.spec,
        "level": row.level,
        "kind": row.kind,
        "reference": row.reference,
        "variant": row.variant,
        **{name: getattr(row, name) for name in LATER_TEXTS},
        "cells_done": row.cells_done,
        "cells_registered": row.cells_registered,
    }
    for name in ESTIMATES:
        estimate = getattr(row, name)
        for part in PARTS:
            line[f"{name}_{part}"] = getattr(estimate, part) if estimate else None
    line["p"] = row.difference.p if row.difference else None
    line |= {"p_holm": row.p_holm, "verdict": row.verdict, "p_best": row.p_best, "p_beats_random": row.p_beats_random}
    line |= {"p_sign_flip": row.p_sign_flip, **dataclasses.asdict(row.costs)}
    return line | {TASK + name: row.tasks.get(name) for name in tasks}


def _beside_the_numbers(row: Row) -> dict[str, Value]:
    """What a reader of the table has no use for, and a board made from it needs: how many seeds, and remarks."""
    line: dict[str, Value] = {"p_of_score": row.score.p if row.score else None}
    for name in ESTIMATES:
        estimate = getattr(row, name)
        line |= {
            f"{name}_seeds": estimate.seeds if estimate else None,
            f"{name}_note": estimate.note if estimate else None,
        }
    return line
