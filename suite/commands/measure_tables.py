"""How `breadth measure` writes values: for a terminal, as CSV, as Markdown, as JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.diversity.measuring import Measured
    from suite.selection import Selection

NO_VALUE = "-"


@dataclass(frozen=True)
class Row:
    """A selection, where it was read, and its metrics."""

    path: Path
    selection: Selection
    measured: list[Measured]


def as_json(rows: list[Row], seconds: bool) -> str:
    """One record for one selection, a list of records for several; metrics without a value stand under `failed`."""
    records = [_record(row, seconds) for row in rows]
    return json.dumps(records[0] if len(records) == 1 else records, indent=1)


def as_csv(rows: list[Row], seconds: bool) -> str:
    """One line a selection, values in full precision, empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_headings(rows, seconds))
    for row in rows:
        values = ["" if one.value is None else repr(one.value) for one in row.measured]
        times = [f"{one.seconds:.3f}" for one in row.measured] if seconds else []
        writer.writerow([row.path.stem, row.selection.strategy, len(row.selection), *values, *times])
    return text.getvalue()


def as_markdown(rows: list[Row], seconds: bool) -> str:
    """A table of one line a selection."""
    headings = _headings(rows, seconds)
    lines = [headings, ["---", "---"] + ["---:"] * (len(headings) - 2)]
    for row in rows:
        values = [_short(one) for one in row.measured]
        times = [f"{one.seconds:.2f}" for one in row.measured] if seconds else []
        lines.append([row.path.stem, row.selection.strategy, f"{len(row.selection):,}", *values, *times])
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def show(rows: list[Row], seconds: bool) -> None:
    """A table on the terminal: a line a metric, a column a selection; turned where selections are the more."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    metrics = [one.metric for one in rows[0].measured]
    names = [escape(row.path.stem) for row in rows]
    table = Table(box=None, header_style="bold", pad_edge=False)
    if len(rows) > len(metrics):
        table.add_column("selection")
        table.add_column("samples", justify="right")
        for metric in metrics:
            table.add_column(f"{metric.spec} ({_direction(metric)})", justify="right")
        for name, row in zip(names, rows, strict=True):
            table.add_row(name, f"{len(row.selection):,}", *map(_short, row.measured))
    else:
        if len(rows) == 1:
            table.title = f"{escape(rows[0].selection.strategy)}: {len(rows[0].selection):,} samples"
            names = ["value"]
        table.add_column("metric")
        for name in names:
            table.add_column(name, justify="right")
        table.add_column("more diverse")
        if seconds:
            table.add_column("seconds", justify="right")
        if len(rows) > 1:
            table.add_row("samples", *(f"{len(row.selection):,}" for row in rows))
        for number, metric in enumerate(metrics):
            of_metric = [row.measured[number] for row in rows]
            took = [f"{sum(one.seconds for one in of_metric):.2f}"] if seconds else []
            table.add_row(metric.spec, *map(_short, of_metric), _direction(metric), *took)
    Console().print(table)


def _headings(rows: list[Row], seconds: bool) -> list[str]:
    specs = [one.metric.spec for one in rows[0].measured]
    return ["selection", "strategy", "samples", *specs, *([f"{spec} seconds" for spec in specs] if seconds else [])]


def _record(row: Row, seconds: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "selection": str(row.path),
        "strategy": row.selection.strategy,
        "size": len(row.selection),
        "metrics": {one.metric.spec: one.value for one in row.measured if one.value is not None},
        "failed": {one.metric.spec: one.reason for one in row.measured if one.value is None},
    }
    if seconds:
        record["seconds"] = {one.metric.spec: round(one.seconds, 4) for one in row.measured}
    return record


def _short(one: Measured) -> str:
    return NO_VALUE if one.value is None else f"{one.value:.6g}"


def _direction(metric: Any) -> str:
    return "higher" if metric.higher_is_diverse else "lower"
