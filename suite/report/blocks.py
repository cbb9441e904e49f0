"""What a section is made of. Every text here is plain: the page's template escapes it, whoever wrote it."""

from __future__ import annotations

import base64
import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from suite.commands.board_formats import csv_cell, visible

if TYPE_CHECKING:
    import plotly.graph_objects as go

Value = str | int | float | bool | None
NOTHING = "–"
P_VALUE, LEAST_P = "p", 0.001
"""How p values are written, and the least that is written out."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `lead` stands out, `note` steps back."""

    text: str
    kind: Literal["", "lead", "note"] = ""


@dataclass(frozen=True)
class Listing:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Lines for a shell, or other text that is shown as it is."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure with the one sentence that says how to read it."""

    identifier: str
    figure: go.Figure
    title: str
    how_to_read: str


@dataclass(frozen=True)
class NotRun:
    """A study that was not run, or cannot be shown, and the command that makes it."""

    why: str
    command: str


@dataclass(frozen=True)
class Column:
    """A column: its heading with the unit, how its numbers are written (`+.1f`, `p`; empty for text), and a factor."""

    title: str
    written: str = ""
    factor: float = 1

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return bool(self.written)

    def show(self, value: Value) -> str:
        """A cell as the page shows it; control characters are made visible."""
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return NOTHING
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
        if isinstance(value, str | bool) or value is None or not math.isfinite(value):
            return None
        return self.factor * value


@dataclass(frozen=True)
class Cell:
    """One cell as the template meets it."""

    text: str
    numeric: bool
    sort: str


@dataclass(frozen=True)
class Grid:
    """A table that can be sorted in the page and taken along as CSV; `muted` rows are grey (references)."""

    identifier: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    muted: frozenset[int] = field(default_factory=frozenset)

    def cells(self) -> list[list[Cell]]:
        """Every row, cell by cell."""
        return [
            [self._cell(column, value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows
        ]

    @staticmethod
    def _cell(column: Column, value: Value) -> Cell:
        number = column.number(value)
        return Cell(column.show(value), column.numeric, "" if number is None else repr(number))

    def csv(self) -> str:
        """The table as CSV: numbers in the columns' units, and texts that no spreadsheet takes for formulas."""
        page = io.StringIO()
        writer = csv.writer(page, lineterminator="\n")
        writer.writerow([csv_cell(column.title) for column in self.columns])
        for row in self.rows:
            writer.writerow([_csv(column, value) for column, value in zip(self.columns, row, strict=True)])
        return page.getvalue()

    @property
    def data_uri(self) -> str:
        """The CSV as an address that holds it whole."""
        return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(self.csv().encode()).decode()}"


def _csv(column: Column, value: Value) -> Value:
    if isinstance(value, str):
        return csv_cell(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return column.number(value)


Block = Paragraph | Listing | Command | Picture | NotRun | Grid


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading; its identifier is its address."""

    identifier: str
    title: str
    blocks: tuple[Block, ...]

    def kinds(self) -> list[tuple[str, Block]]:
        """Each block with the name of its class, by which the template chooses."""
        return [(type(block).__name__, block) for block in self.blocks]


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
