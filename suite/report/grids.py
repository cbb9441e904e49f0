"""Tables of a page: typed columns, plain cells, and the same rows as CSV and parquet."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from suite.plain_text import csv_cell, visible

NOTHING = "–"
P_VALUE, LEAST_P = "p", 0.001
"""How p values are written, and the least that is written out."""
MARKS = {"beats random": "▲", "worse than random": "▼", "tied with random": "="}


@dataclass(frozen=True)
class Link:
    """A text that leads somewhere; `href` is one of ours, made from an address or a route, never a stranger's."""

    text: str
    href: str


@dataclass(frozen=True)
class Interval:
    """A number with its interval, drawn small on the scale that its column's cells share.

    `family` gives the colour, `sure` fills the dot; ends are None where there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    family: str = ""
    sure: bool = False


Value = str | int | float | bool | None | Link | Interval
Role = Literal["", "family", "verdict", "bar", "name", "short"]
"""What a column's cells are besides text or numbers: `family` has a dot of its colour, `verdict` a mark, `bar` holds
intervals that are drawn, `name` says what its row is about, and `short` texts are never broken into lines."""


@dataclass(frozen=True)
class Column:
    """A column: its heading with the unit, how its numbers are written (`+.1f`, `p`; empty for text), and a factor.

    `key` is its name in an address; `span` are the ends of the scale of a `bar`, in its unit.
    """

    title: str
    written: str = ""
    factor: float = 1
    role: Role = ""
    key: str = ""
    span: tuple[float, float] = (0, 1)

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return bool(self.written)

    @property
    def name(self) -> str:
        """Its key, or one made from the heading."""
        return self.key or "-".join(re.findall(r"[a-z0-9]+", self.title.lower()))

    def show(self, value: Value) -> str:
        """A cell as the page shows it; control characters are made visible."""
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return NOTHING
        if isinstance(value, Link):
            return visible(value.text) or NOTHING
        if isinstance(value, Interval):
            return self._described(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str) or not self.written:
            return visible(str(value)) or NOTHING
        if self.written == P_VALUE:
            return f"{value:.3f}" if value >= LEAST_P else f"< {LEAST_P}"
        text = f"{self.factor * value:{self.written}}"
        # Rounding must not leave a sign on nothing.
        return text.lstrip("+-") if not any(digit in text for digit in "123456789") else text

    def number(self, value: Value) -> float | None:
        """What a cell is sorted by and what a CSV holds: a number in the column's unit."""
        if isinstance(value, Interval):
            value = value.mean
        if isinstance(value, str | bool | Link) or value is None or not math.isfinite(value):
            return None
        return self.factor * value

    def _described(self, value: Interval) -> str:
        shown = f"{self.factor * value.mean:+.1f}"
        if value.low is None or value.high is None:
            return shown
        return f"{shown} ({self.factor * value.low:+.1f} to {self.factor * value.high:+.1f})"


@dataclass(frozen=True)
class Bar:
    """An interval in per cent of its cell's width; `beyond` says at which edge its dot would lie outside."""

    zero: float
    left: float
    width: float
    dot: float
    beyond: Literal["", "left", "right"]
    family: str
    sure: bool


@dataclass(frozen=True)
class Cell:
    """One cell as the template meets it."""

    text: str
    numeric: bool
    sort: str
    href: str = ""
    role: str = ""
    family: str = ""
    mark: str = ""
    bar: Bar | None = None


@dataclass(frozen=True)
class Grid:
    """A table that can be sorted in the page and taken along; `muted` rows are grey (references)."""

    identifier: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    muted: frozenset[int] = field(default_factory=frozenset)

    def cells(self) -> list[list[Cell]]:
        """Every row, cell by cell."""
        return [[_cell(column, value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]

    def sorted(self, sort: str) -> Grid:
        """The rows by the column of that key, `-key` from the largest; unchanged where no column has it.

        Cells without a value stay at the end, whichever way the rest is sorted; equal ones keep their order.
        """
        key = sort.removeprefix("-")
        at = next((place for place, column in enumerate(self.columns) if column.name == key), None)
        if at is None:
            return self
        column = self.columns[at]
        known = [(number, _order(column, row[at])) for number, row in enumerate(self.rows)]
        there = [(number, order) for number, order in known if order is not None]
        there.sort(key=lambda item: item[1], reverse=sort.startswith("-"))
        return self._of([number for number, _ in there] + [number for number, order in known if order is None])

    def part(self, first: int, most: int) -> Grid:
        """`most` rows from row `first` on."""
        return self._of(range(len(self.rows))[first : first + most])

    def with_columns(self, names: Sequence[str]) -> Grid:
        """The columns of these keys alone, in their own order; `name` columns stay. All of them where none is named."""
        if not names:
            return self
        kept = [at for at, column in enumerate(self.columns) if column.name in names or column.role == "name"]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[at] for at in kept), rows=rows)

    def _of(self, order: Sequence[int]) -> Grid:
        muted = frozenset(place for place, number in enumerate(order) if number in self.muted)
        return replace(self, rows=tuple(self.rows[number] for number in order), muted=muted)

    def csv(self) -> str:
        """The table as CSV: numbers in the columns' units, and texts that no spreadsheet takes for formulas.

        What is drawn has its numbers in columns of their own, so `bar` columns are left out.
        """
        page = io.StringIO()
        writer = csv.writer(page, lineterminator="\n")
        writer.writerow([csv_cell(column.title) for column in self._kept()])
        for values in self._values():
            writer.writerow([_csv(column, value) if isinstance(value, str) else value for column, value in values])
        return page.getvalue()

    def parquet(self) -> bytes:
        """The table as parquet: texts as they are, counts as integers, other numbers as floats in their units."""
        import pyarrow
        import pyarrow.parquet

        kinds = {"": pyarrow.string(), "d": pyarrow.int64()}
        columns = self._kept()
        rows = [[value for _, value in values] for values in self._values()]
        arrays = []
        for at, column in enumerate(columns):
            kind = kinds.get(column.written.strip(","), pyarrow.float64())
            values = [row[at] for row in rows]
            if kind == pyarrow.string():
                values = [None if value is None else str(value) for value in values]
            elif kind == pyarrow.int64():
                values = [None if not isinstance(value, int | float) else round(value) for value in values]
            else:
                values = [None if isinstance(value, str) else value for value in values]
            arrays.append(pyarrow.array(values, type=kind))
        # Two headings may say the same; a file with such columns could not be read.
        names = [column.title for column in columns]
        titles = [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names)]
        page = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=titles), page, compression="zstd")
        return page.getvalue()

    @property
    def data_uri(self) -> str:
        """The CSV as an address that holds it whole."""
        return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(self.csv().encode()).decode()}"

    def _kept(self) -> list[Column]:
        return [column for column in self.columns if column.role != "bar"]

    def _values(self) -> list[list[tuple[Column, str | int | float | None]]]:
        return [
            [
                (column, _plain(column, value))
                for column, value in zip(self.columns, row, strict=True)
                if column.role != "bar"
            ]
            for row in self.rows
        ]


def _plain(column: Column, value: Value) -> str | int | float | None:
    """A value without what only a page can show."""
    if isinstance(value, Link):
        return value.text
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return column.number(value)


def _csv(column: Column, value: str) -> Any:
    return csv_cell(value)


def _order(column: Column, value: Value) -> Any:
    """What a cell is sorted by, None where it holds nothing; texts with numbers in them by these."""
    number = column.number(value)
    if number is not None or column.numeric:
        return number
    if value is None or isinstance(value, Interval):
        return None
    parts = re.split(r"([0-9]+)", column.show(value).casefold())
    return tuple((1, int(part), "") if part.isdecimal() and part.isascii() else (0, 0, part) for part in parts)


def _cell(column: Column, value: Value) -> Cell:
    number = column.number(value)
    text = column.show(value)
    return Cell(
        text,
        column.numeric,
        "" if number is None else repr(number),
        href=value.href if isinstance(value, Link) else "",
        role=column.role,
        family=text if column.role == "family" else "",
        mark=MARKS.get(text, "") if column.role == "verdict" else "",
        bar=_bar(column, value) if isinstance(value, Interval) else None,
    )


def _bar(column: Column, value: Interval) -> Bar:
    low, high = column.span
    room = max(high - low, 1e-9)

    def place(number: float) -> float:
        return 100 * min(max((column.factor * number - low) / room, 0), 1)

    shown = column.factor * value.mean
    beyond: Literal["", "left", "right"] = "left" if shown < low else "right" if shown > high else ""
    ends = (value.low, value.high)
    left, right = (place(value.mean) if end is None or beyond else place(end) for end in ends)
    return Bar(place(0), left, right - left, place(value.mean), beyond, value.family, value.sure)
