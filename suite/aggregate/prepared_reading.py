"""From the prepared files of a track back to its board, though strangers may have written them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from suite.aggregate.board import Board, Costs, Estimate, Power, Row
from suite.aggregate.prepared import ESTIMATES, LATER_TEXTS, SCHEMA_VERSION, TASK
from suite.errors import StoreError
from suite.sealed import break_seal
from suite.strict_json import strict_json

_NUMBERS = {
    cls: [name for name, kind in get_type_hints(cls).items() if kind is float] for cls in (Estimate, Power, Costs)
}
"""Where null stands for a number that does not exist."""
_SAME = tuple(
    field.name
    for field in fields(Row)
    if field.name not in ("strategy", "spec", "tasks", "costs", *LATER_TEXTS, *ESTIMATES)
)
"""What a row and its line have under one name."""


@dataclass(frozen=True)
class Prepared:
    """A board as it was prepared, and the digest of the records it was made from (empty where that is not known)."""

    board: Board
    results_digest: str
    files: Mapping[str, str]
    """The sha256 of each prepared file by its ending; empty in facts from before it was kept."""

    def check(self, ending: str, sha256: str) -> None:
        """Raise StoreError unless the prepared file of that ending has this hash."""
        if self.files.get(ending, sha256) != sha256:
            raise StoreError(f"the prepared .{ending} is not the one that was written with the facts of the board")


def read_prepared(facts: bytes, rows: bytes) -> Prepared:
    """The board of a facts file and a rows file.

    Raises StoreError when they are damaged, do not belong together, or are not of this schema.
    """
    document = _document(facts)
    lines = _lines(rows)
    tables = document.get("tables")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise StoreError("the facts of the board are damaged (they list no tables)")
    by_table: list[list[dict[str, Any]]] = [[] for _ in tables]
    try:
        for line in lines:
            by_table[line["table"]].append(_row(line))
        for table, found in zip(tables, by_table, strict=True):
            if len(found) != table["rows"]:
                raise StoreError(
                    f"the facts of the board tell of {table['rows']} rows where there are {len(found)}: its two files "
                    "were not written together"
                )
            table["rows"] = found
            _numbers_back(table)
        digest = document.pop("results_digest")
        document.pop("schema_version")
        files = {str(ending): str(sha256) for ending, sha256 in document.pop("files", {}).items()}
        prepared = Prepared(_BOARD.validate_python(document), str(digest), files)
        prepared.check("parquet", hashlib.sha256(rows).hexdigest())
        return prepared
    except ValidationError as error:
        first = error.errors()[0]
        raise StoreError(
            f"the prepared board is damaged ({'.'.join(map(str, first['loc']))}: {first['msg']})"
        ) from error
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise StoreError(f"the prepared board is damaged ({error!r})") from error


_BOARD = TypeAdapter(Board)


def _document(facts: bytes) -> dict[str, Any]:
    try:
        document = strict_json(facts)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"the facts of the board are damaged ({error})") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is not int:
        raise StoreError("the facts of the board are damaged (they state no schema version)")
    if version != SCHEMA_VERSION:
        than = "newer" if version > SCHEMA_VERSION else "older"
        raise StoreError(
            f"the prepared board is of a{'n' if than == 'older' else ''} {than} Breadth (schema version {version}, and "
            f"this one reads {SCHEMA_VERSION}): {'update Breadth' if than == 'newer' else 'run `breadth recompute`'}"
        )
    try:
        break_seal(document)
    except ValueError as error:
        raise StoreError(f"the facts of the board are damaged ({error})") from error
    return document


def _lines(rows: bytes) -> list[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        found: list[dict[str, Any]] = pyarrow.parquet.read_table(pyarrow.BufferReader(rows)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"the rows of the board are damaged ({error})") from error
    return found


def _row(line: Mapping[str, Any]) -> dict[str, Any]:
    p = {"score": line["p_of_score"], "difference": line["p"]}
    return {
        **{name: line[name] for name in _SAME},
        **{name: line.get(name) or "" for name in LATER_TEXTS},
        "strategy": line["strategy"].partition(":")[0],
        "spec": line["strategy"],
        **{name: _estimate(line, name, p[name]) for name in ESTIMATES},
        "tasks": {
            name.removeprefix(TASK): value
            for name, value in line.items()
            if name.startswith(TASK) and value is not None
        },
        "costs": {field.name: line[field.name] for field in fields(Costs) if field.name in line or not _later(field)},
    }


def _later(field: Field[Any]) -> bool:
    """Whether tables from before a cost was told of lack it."""
    return field.default is not MISSING


def _estimate(line: Mapping[str, Any], name: str, p: float | None) -> dict[str, Any] | None:
    if line[f"{name}_mean"] is None:
        return None
    found = {part: line[f"{name}_{part}"] for part in ("mean", "standard_error", "df", "low", "high", "seeds", "note")}
    return _with_numbers(found | {"p": p}, Estimate)


def _numbers_back(table: dict[str, Any]) -> None:
    """Put nan where JSON has null for it."""
    for task in table["tasks"]:
        task["margin"] = _with_numbers(task["margin"], Estimate)
    for apart in table["separation"]:
        apart["difference"] = _with_numbers(apart["difference"], Estimate)
    table["power"] = _with_numbers(table["power"], Power)


def _with_numbers(found: dict[str, Any] | None, kind: type[Estimate] | type[Power]) -> dict[str, Any] | None:
    if found is None:
        return None
    return found | {name: math.nan for name in _NUMBERS[kind] if found[name] is None}
