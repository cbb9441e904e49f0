"""One line a record: which cell it is of, what it scored on each task, what it cost, and whether it counts."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suite.aggregate.board import PluginFacts, Registration, Table
from suite.aggregate.rows import select_registered, stands_at
from suite.errors import StoreError
from suite.results import Result

SCHEMA_VERSION = 1
_TASK = "task_"


@dataclass(frozen=True, slots=True)
class CellLine:
    """What a page lists of one record. `tasks` are raw means; seconds, bytes and tokens are those of its cost.

    `why_not` says why the record does not count, and is empty where it does. `selection` is the sha256 of the picks.
    """

    path: str
    cell_id: str
    record_id: str
    strategy: str
    spec: str
    budget: int
    base_model: str
    base_weights: str
    pool: str
    selection: str | None
    selection_seed: int
    training_seed: int
    reference: bool
    why_not: str
    tasks: dict[str, float]
    finished_at: str
    hardware: str
    feature_seconds: float
    selection_seconds: float
    training_seconds: float
    evaluation_seconds: float
    peak_memory_bytes: int
    training_flops: float
    trained_tokens: int
    evaluation_tokens: int

    @property
    def counts(self) -> bool:
        """Whether the record stands behind a row of the board."""
        return not self.why_not

    def stands_in(self, table: Table) -> bool:
        """Whether the record counts and is of the table's pool and base model, at its budget where it spends one."""
        place = (self.pool, self.base_model, self.base_weights)
        same = place == (table.pool, table.base_model, table.base_weights)
        return self.counts and same and stands_at(table.budget, self, reference=self.reference)


@dataclass(frozen=True)
class Cells:
    """The lines of a track's records, in the order of their paths."""

    lines: tuple[CellLine, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[CellLine]:
        return iter(self.lines)

    def find(self, name: str) -> CellLine | None:
        """The record of this path, record id or cell id; of several records of a cell the one that counts."""
        found = self._by_name.get(name, ())
        return next((line for line in found if line.counts), found[0] if found else None)

    @cached_property
    def _by_name(self) -> dict[str, list[CellLine]]:
        index: dict[str, list[CellLine]] = {}
        for line in self.lines:
            for name in (line.path, line.record_id, line.cell_id):
                index.setdefault(name, []).append(line)
        return index


def cells_of(
    results: Iterable[Result], registration: Registration, plugins: Mapping[str, PluginFacts] | None = None
) -> Cells:
    """A line for each result, in the order of the paths; `plugins` as for the score."""
    everything = sorted(results, key=lambda result: result.path)
    _, set_aside = select_registered(everything, registration, plugins)
    # By identity: two records of one content may cost differently, and only one of them counts.
    reasons = {id(result): reason for result, reason in set_aside}
    return Cells(tuple(_line(result, reasons.get(id(result), "")) for result in everything))


def _line(result: Result, why_not: str) -> CellLine:
    cell, cost = result.cell, result.cost
    return CellLine(
        path=result.path,
        cell_id=cell.id,
        record_id=result.record_id,
        strategy=cell.strategy,
        spec=cell.spec,
        budget=cell.budget,
        base_model=cell.base_model,
        base_weights=result.hashes.base_weights,
        pool=result.hashes.pool,
        selection=result.hashes.selection,
        selection_seed=cell.selection_seed,
        training_seed=cell.training_seed,
        reference=result.reference,
        why_not=why_not,
        tasks={task.name: task.mean for task in result.tasks},
        finished_at=cost.finished_at,
        hardware=cost.hardware,
        feature_seconds=cost.feature_seconds,
        selection_seconds=cost.selection_seconds,
        training_seconds=cost.training_seconds,
        evaluation_seconds=cost.evaluation_seconds,
        peak_memory_bytes=cost.peak_memory_bytes,
        training_flops=cost.training_flops,
        trained_tokens=result.training.trained_tokens if result.training else 0,
        evaluation_tokens=cost.evaluation_tokens,
    )


def cells_parquet(cells: Cells) -> bytes:
    """The lines as a parquet file; a task that a record was not evaluated on is null."""
    import pyarrow
    import pyarrow.parquet

    tasks = list(dict.fromkeys(name for line in cells for name in line.tasks))
    plain = _plain_columns()
    schema = pyarrow.schema(
        [*plain.items(), *((_TASK + name, pyarrow.float64()) for name in tasks)],
        metadata={"schema_version": str(SCHEMA_VERSION)},
    )
    columns: dict[str, list[Any]] = {name: [getattr(line, name) for line in cells] for name in plain}
    columns |= {_TASK + name: [line.tasks.get(name) for line in cells] for name in tasks}
    page = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), page, compression="zstd")
    return page.getvalue()


def read_cells(content: bytes) -> Cells:
    """What `cells_parquet` wrote. Raises StoreError when it is something else, or of a newer Breadth."""
    import pyarrow
    import pyarrow.parquet

    plain = _plain_columns()
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
        version = int((table.schema.metadata or {}).get(b"schema_version", b"0"))
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the table of cells has schema version {version}, and this Breadth reads up to {SCHEMA_VERSION}"
            )
        wrong = [name for name, kind in plain.items() if table.schema.field(name).type != kind]
        if wrong:
            raise ValueError(f"column {wrong[0]} is of type {table.schema.field(wrong[0]).type}")
        tasks = {
            name.removeprefix(_TASK): table[name].cast(pyarrow.float64()).to_pylist()
            for name in table.column_names
            if name.startswith(_TASK)
        }
        # Not before here are texts decoded.
        columns = [_shared(table[name].to_pylist()) for name in plain]
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        raise StoreError(f"the table of cells is damaged ({error})") from error
    return Cells(
        tuple(
            CellLine(
                **dict(zip(plain, values, strict=True)),
                tasks={name: means[at] for name, means in tasks.items() if means[at] is not None},
            )
            for at, values in enumerate(zip(*columns, strict=True))
        )
    )


def _plain_columns() -> dict[str, Any]:
    """Every column but those of the tasks, with its type in a parquet file."""
    import pyarrow

    kinds = {"int": pyarrow.int64(), "float": pyarrow.float64(), "bool": pyarrow.bool_()}
    return {
        field.name: kinds.get(str(field.type), pyarrow.string())
        for field in dataclasses.fields(CellLine)
        if field.name != "tasks"
    }


def _shared(values: list[Any]) -> list[Any]:
    """The same with one object for equal texts: of 10,000 records most share their pool and their weights."""
    seen: dict[Any, Any] = {}
    return [seen.setdefault(value, value) if isinstance(value, str) else value for value in values]
