"""The moments of a track's tables as one parquet file, a row group a table, read table by table.

A line is one row of a table (`against` is empty) or the difference of two. Lists run over the tasks that enter the
score: `seed_means` task after task, `between` and `rest` row after row of their matrices, `draws` (of every row that
was drawn several times) one after the other with their numbers of draws in `draw_counts`. `steps` holds the bootstrap
of a ranked row: int16, little-endian, task after task, each `quantum` of its task wide, around `base`.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from suite.aggregate.moments import TableMoments
from suite.errors import StoreError
from suite.statistics.intervals import Moments
from suite.statistics.ranks import QuantisedBootstrap
from suite.strict_json import strict_json

SCHEMA_VERSION = 2
MOST_CELLS = 2**28
"""Numbers in a table; a file that claims more is not read."""


def moments_parquet(tables: Sequence[TableMoments], digest: str) -> bytes:
    """The file of a board's tables, in their order; `digest` says of which records."""
    import pyarrow
    import pyarrow.parquet

    found = [table.quantised() for table in tables]
    heads: list[dict[str, Any]] = []
    groups = 0
    for table in found:
        # A table without any score has no line, and parquet no row group without one.
        heads.append(_head(table, groups if table.scores else None))
        groups += bool(table.scores)
    head = {"schema_version": SCHEMA_VERSION, "results_digest": digest, "tables": heads}
    schema = _schema().with_metadata({"breadth": json.dumps(head)})
    page = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(page, schema, compression="zstd", use_dictionary=["spec", "against"]) as writer:
        for table in found:
            if table.scores:
                rows = pyarrow.Table.from_pylist(_lines(table), schema=schema)
                writer.write_table(rows, row_group_size=len(rows))
    return page.getvalue()


class MomentsFile:
    """An open file of moments; tables are read when they are asked for. Safe to share between threads."""

    def __init__(self, file: IO[bytes]):
        """Raises StoreError when it is no such file, or of another Breadth."""
        import pyarrow
        import pyarrow.parquet

        self._guard = threading.Lock()
        try:
            self._file = pyarrow.parquet.ParquetFile(file)
            metadata = self._file.schema_arrow.metadata or {}
            head = strict_json(metadata[b"breadth"])
            version = int(head["schema_version"])
            if version != SCHEMA_VERSION:
                remedy = "update Breadth" if version > SCHEMA_VERSION else "run `breadth recompute`"
                raise StoreError(
                    f"the moments have schema version {version}, and this Breadth reads {SCHEMA_VERSION}: {remedy}"
                )
            if not self._file.schema_arrow.equals(_schema()):
                raise StoreError("the moments are damaged (their columns are others)")
            self.results_digest = str(head["results_digest"])
            self._heads = list(head["tables"])
        except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(f"the moments are damaged ({error})") from error

    def __len__(self) -> int:
        return len(self._heads)

    def read(self, table: int) -> TableMoments:
        """The moments of a table by its number. Raises StoreError when they are damaged."""
        import pyarrow

        try:
            head = self._heads[table]
            with self._guard:
                lines = self._file.read_row_group(int(head["group"])).to_pylist() if head["group"] is not None else []
            return _table(head, lines)
        except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise StoreError(f"the moments of table {table} are damaged ({error})") from error


def _schema() -> Any:
    import pyarrow

    numbers, counts = pyarrow.list_(pyarrow.float64()), pyarrow.list_(pyarrow.int64())
    return pyarrow.schema(
        {
            "spec": pyarrow.string(),
            "against": pyarrow.string(),
            "seed_means": numbers,
            "between": numbers,
            "rest": numbers,
            "draw_counts": counts,
            "draws": numbers,
            "base": numbers,
            "steps": pyarrow.binary(),
        }
    )


def _head(table: TableMoments, group: int | None) -> dict[str, Any]:
    draws = table.draws
    assert isinstance(draws, QuantisedBootstrap)
    return {
        "group": group,
        "tasks": list(table.tasks),
        "items": list(table.items),
        "same_items": list(next((found.same_items for found in table.scores.values()), ())),
        "ranked": list(draws.names),
        "quantum": draws.quantum.tolist(),
        "draws": draws.steps.shape[2],
        "note": draws.note,
    }


def _lines(table: TableMoments) -> list[dict[str, Any]]:
    draws = table.draws
    assert isinstance(draws, QuantisedBootstrap)
    own = {(spec, ""): found for spec, found in table.scores.items()}
    lines = []
    for (spec, against), found in (own | dict(table.differences)).items():
        line = {
            "spec": spec,
            "against": against,
            "seed_means": found.seed_means.ravel().tolist(),
            "between": found.between.ravel().tolist(),
            "rest": found.rest.ravel().tolist(),
            "draw_counts": [drawn.shape[1] for drawn in found.draws],
            "draws": np.concatenate([drawn.ravel() for drawn in found.draws] or [np.empty(0)]).tolist(),
        }
        if not against and spec in draws.names and not draws.note:
            at = draws.names.index(spec)
            line |= {"base": draws.base[at].tolist(), "steps": draws.steps[at].astype("<i2").tobytes()}
        lines.append(line)
    return lines


def _table(head: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> TableMoments:
    tasks = tuple(map(str, head["tasks"]))
    same_items = tuple(int(first) for first in head["same_items"])
    if lines and (len(same_items) != len(tasks) or not all(0 <= first <= at for at, first in enumerate(same_items))):
        raise ValueError(f"tasks with the items of {same_items}")
    found = {(line["spec"], line["against"]): _moments(line, same_items) for line in lines}
    return TableMoments(
        tasks=tasks,
        items=_same_length([int(count) for count in head["items"]], tasks),
        scores={spec: one for (spec, against), one in found.items() if not against},
        differences={pair: one for pair, one in found.items() if pair[1]},
        draws=_draws(head, {line["spec"]: line for line in lines if not line["against"]}, len(tasks)),
    )


def _moments(line: Mapping[str, Any], same_items: tuple[int, ...]) -> Moments:
    tasks = len(same_items)
    means = np.array(line["seed_means"], dtype=np.float64).reshape(tasks, -1)
    seeds = means.shape[1]
    drawn = np.array(line["draws"], dtype=np.float64)
    ends = np.cumsum([tasks * count * seeds for count in line["draw_counts"]], dtype=np.int64)
    if len(drawn) != (ends[-1] if len(ends) else 0):
        raise ValueError(f"{line['spec']} has {len(drawn)} means of draws")
    blocks = np.split(drawn, ends[:-1]) if len(ends) else []
    return Moments(
        means,
        np.array(line["between"], dtype=np.float64).reshape(tasks, tasks),
        np.array(line["rest"], dtype=np.float64).reshape(tasks, tasks),
        same_items,
        tuple(block.reshape(tasks, count, seeds) for block, count in zip(blocks, line["draw_counts"], strict=True)),
    )


def _draws(head: Mapping[str, Any], lines: Mapping[str, Mapping[str, Any]], tasks: int) -> QuantisedBootstrap:
    names = tuple(head["ranked"])
    draws, note = int(head["draws"]), str(head["note"])
    quantum = np.array(_same_length(head["quantum"], range(tasks)), dtype=np.float64)
    if not 0 <= len(names) * tasks * draws <= MOST_CELLS:
        raise ValueError(f"{len(names)} rows with {draws} draws")
    if note or not names:
        nothing = np.zeros((len(names), tasks, 0), dtype=np.int16)
        return QuantisedBootstrap(
            names, np.zeros((len(names), tasks)), quantum, nothing, note or "no row: nothing to rank"
        )
    steps = np.stack([np.frombuffer(lines[name]["steps"], dtype="<i2").reshape(tasks, draws) for name in names])
    base = np.array([_same_length(lines[name]["base"], range(tasks)) for name in names], dtype=np.float64)
    return QuantisedBootstrap(names, base, quantum, steps, note)


def _same_length(values: Sequence[Any], of: Sequence[Any]) -> Any:
    if len(values) != len(of):
        raise ValueError(f"{len(values)} values where {len(of)} are due")
    return tuple(values)
