"""A board as JSON, CSV and Markdown. Names come from strangers: they are made harmless for each format's readers."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from suite.aggregate import Board, Row, Table
from suite.statistics.intervals import Estimate

MARKS = {"beats": "beats random", "worse": "worse than random", "tied": "tied", "baseline": "baseline"}


def as_json(board: Board) -> str:
    """Everything on the board; numbers that do not exist are null."""
    # NaN is no JSON, and most readers other than Python's refuse the whole file for it.
    document = _jsonable(dataclasses.asdict(board))
    for written, table in zip(document["tables"], board.tables, strict=True):
        for row, source in zip(written["rows"], table.rows, strict=True):
            row["complete"] = source.complete
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(board: Board) -> str:
    """One line a row of every table; numbers stay numbers, empty where there are none."""
    page = io.StringIO()
    # Tables may differ in tasks; a CSV has one header for all of them.
    tasks = list(dict.fromkeys(task.name for table in board.tables for task in table.tasks))
    lines = [_flat(board, table, row, tasks) for table in board.tables for row in table.rows]
    writer = csv.DictWriter(page, fieldnames=list(lines[0]) if lines else ["track"], lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({key: csv_cell(value) for key, value in line.items()})
    return page.getvalue()


def as_markdown(board: Board) -> str:
    """The ranked tables for a document, with their footnotes."""
    from suite.commands.board_notes import board_notes, table_notes, table_title

    parts = []
    for table in board.tables:
        parts += [f"### {_markdown(table_title(board, table))}", "", *_markdown_table(table), ""]
        parts += [f"- {_markdown(note)}" for note in table_notes(table)] + [""]
    parts += [f"- {_markdown(note)}" for note in board_notes(board)]
    return "\n".join(parts).rstrip() + "\n"


def points(estimate: Estimate | None, sign: bool = False) -> str:
    """An estimate in points (hundredths) with half its 95 % interval, such as `41.2 ± 1.5`."""
    if estimate is None:
        return "-"
    mean = f"{100 * estimate.mean:{'+' if sign else ''}.1f}"
    return f"{mean} ± {100 * estimate.half_width:.1f}" if estimate.known else mean


def visible(text: str) -> str:
    """Text without the control characters by which a name could steer a terminal or break a line."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _flat(board: Board, table: Table, row: Row, tasks: list[str]) -> dict[str, str | int | float | bool | None]:
    line: dict[str, str | int | float | bool | None] = {
        "track": board.track,
        "budget": table.budget,
        "base_model": table.base_model,
        "base_weights": table.base_weights,
        "rank": row.rank,
        "strategy": row.spec,
        "level": row.level,
        "kind": row.kind,
        "reference": row.reference,
        "cells_done": row.cells_done,
        "cells_registered": row.cells_registered,
    }
    for name, estimate in (("score", row.score), ("difference", row.difference)):
        for part in ("mean", "standard_error", "df", "low", "high"):
            line[f"{name}_{part}"] = getattr(estimate, part) if estimate else None
    line["p"] = row.difference.p if row.difference else None
    line |= {"p_holm": row.p_holm, "verdict": row.verdict, **dataclasses.asdict(row.costs)}
    return line | {f"task_{name}": row.tasks.get(name) for name in tasks}


def csv_cell(value: str | int | float | bool | None) -> str | int | float | bool | None:
    """A cell of a CSV file: spreadsheets run a text that begins like a formula, so an apostrophe stands before it."""
    if isinstance(value, str):
        return f"'{visible(value)}" if value.startswith(("=", "+", "-", "@")) else visible(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _markdown_table(table: Table) -> list[str]:
    lines = [
        "| # | strategy | level | score | difference to random | verdict | p (Holm) | cells | selection s |",
        "| ---: | --- | --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for row in table.rows:
        cells = (
            str(row.rank or "-"),
            _markdown(row.spec) + (" (reference)" if row.reference else ""),
            _markdown(row.level),
            points(row.score),
            points(row.difference, sign=True),
            MARKS.get(row.verdict, "-"),
            "-" if row.p_holm is None else f"{row.p_holm:.3g}",
            f"{row.cells_done}/{row.cells_registered}",
            f"{row.costs.selection_seconds:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _markdown(text: str) -> str:
    """Text that Markdown and the HTML behind it show as it is."""
    html = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#!|~])", r"\\\1", html)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
