"""The Pool: columns, views, fingerprint. Where its rows come from is the business of `suite.pool.loading`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from suite.errors import SelectionError
from suite.hashing import canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

View = Literal["instruction", "response", "both"]
"""Which text of a sample a feature or metric reads."""

COLUMNS = ("id", "instruction", "input", "output", "source")


@dataclass(frozen=True)
class Sample:
    """One instruction-response pair; `turns` holds a conversation as (role, text) pairs, else it is empty."""

    id: str
    instruction: str
    input: str
    output: str
    source: str
    turns: tuple[tuple[str, str], ...] = ()

    def view(self, name: View) -> str:
        """The text a feature reads: the instruction (with its input), the response, or both."""
        if name == "response":
            return self.response
        if name == "both":
            return f"{self.prompt}\n{self.response}"
        return self.prompt

    @property
    def prompt(self) -> str:
        """Instruction, newline, input where there is one; for a conversation, the user's turns."""
        if self.turns:
            return "\n".join(text for role, text in self.turns if role != "assistant")
        return f"{self.instruction}\n{self.input}" if self.input else self.instruction

    @property
    def response(self) -> str:
        """The output; for a conversation, the assistant's turns."""
        if self.turns:
            return "\n".join(text for role, text in self.turns if role == "assistant")
        return self.output


@dataclass(frozen=True)
class Pool:
    """An Arrow table of samples (memory-mapped where it came from a file), its fingerprint and what was dropped.

    `table` has the string columns of COLUMNS and, for conversations, `turns` (list of {role, text}).
    `dropped` counts rows left out while loading, by reason.
    """

    table: pa.Table
    fingerprint: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def sample(self, row: int) -> Sample:
        """The sample at one row position."""
        return next(self.samples([row]))

    def samples(self, rows: Sequence[int] | np.ndarray | None = None, batch_size: int = 4096) -> Iterator[Sample]:
        """Samples at `rows` (all, in order, when None), read in batches so that memory stays bounded."""
        if rows is None:
            for start in range(0, len(self), batch_size):
                yield from map(_sample, self.table.slice(start, batch_size).to_pylist())
            return
        wanted = np.asarray(rows, dtype=np.int64)
        for start in range(0, len(wanted), batch_size):
            yield from map(_sample, self._records(wanted[start : start + batch_size]))

    def _records(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Records at `rows`, in their order. Arrow's own `Table.take` would copy the whole pool into memory."""
        batches, starts = self._batches
        found: list[dict[str, Any]] = [{}] * len(rows)
        batch_of = np.searchsorted(starts, rows, side="right") - 1
        for number in np.unique(batch_of):
            places = np.flatnonzero(batch_of == number)
            records = batches[number].take((rows[places] - starts[number]).tolist()).to_pylist()
            for place, record in zip(places, records, strict=True):
                found[place] = record
        return found

    @cached_property
    def _batches(self) -> tuple[list[pa.RecordBatch], np.ndarray]:
        batches = [batch for batch in self.table.to_batches() if batch.num_rows]
        return batches, np.cumsum([0, *(batch.num_rows for batch in batches[:-1])])

    def texts(self, view: View, rows: Sequence[int] | np.ndarray | None = None) -> Iterator[str]:
        """The texts of one view, streamed."""
        for sample in self.samples(rows):
            yield sample.view(view)

    def id_of(self, rows: np.ndarray) -> tuple[str, ...]:
        """Ids of row positions, in their order."""
        return tuple(self.table.column("id").take(np.asarray(rows, dtype=np.int64)).to_pylist())

    @cached_property
    def _row_of_id(self) -> dict[str, int]:
        return {identifier: row for row, identifier in enumerate(self.table.column("id").to_pylist())}

    def rows(self, ids: Iterable[str]) -> np.ndarray:
        """Row positions of ids, shape (m,), int64; SelectionError names the first id the pool does not have."""
        known = self._row_of_id
        found = []
        for position, identifier in enumerate(ids):
            if identifier not in known:
                raise SelectionError(
                    f"Id {identifier!r} (line {position + 1}) is not in the pool, whose ids look like "
                    f"{next(iter(known))!r}."
                )
            found.append(known[identifier])
        return np.asarray(found, dtype=np.int64)


class Fingerprint:
    """The identity of a pool, fed sample by sample: the sha256 over one canonical JSON line each."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, sample: Sample) -> int:
        """Take in (instruction, input, output, turns); returns the bytes of its line."""
        turns = [list(turn) for turn in sample.turns]
        line = canonical_json([sample.instruction, sample.input, sample.output, turns]).encode() + b"\n"
        self._digest.update(line)
        return len(line)

    def hexdigest(self) -> str:
        """The fingerprint of everything added so far."""
        return self._digest.hexdigest()


def fingerprint(samples: Iterable[Sample]) -> str:
    """sha256 over the canonical JSON of (instruction, input, output, turns) of every sample, in order."""
    digest = Fingerprint()
    for sample in samples:
        digest.add(sample)
    return digest.hexdigest()


def pool_from_records(records: Sequence[Mapping[str, Any]]) -> Pool:
    """An in-memory pool from clean records (keys of COLUMNS; `turns` optional); for generated pools and tests."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [str(record.get(name, "")) for record in records] for name in COLUMNS}
    if any(record.get("turns") for record in records):
        columns["turns"] = [
            [{"role": role, "text": text} for role, text in record.get("turns", ())] for record in records
        ]
    table = pa.table(columns)
    return Pool(table=table, fingerprint=fingerprint(map(_sample, table.to_pylist())))


def _sample(record: Mapping[str, Any]) -> Sample:
    turns = tuple((turn["role"], turn["text"]) for turn in record.get("turns") or ())
    return Sample(
        id=record["id"],
        instruction=record["instruction"],
        input=record["input"],
        output=record["output"],
        source=record["source"],
        turns=turns,
    )
