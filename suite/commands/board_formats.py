"""A board as JSON, CSV and Markdown. Names come from strangers: they are made harmless for each format's readers."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re

from suite.aggregate import Board, Row, Table
from suite.aggregate.prepared import Value, flat_rows, jsonable
from suite.statistics.intervals import Estimate

MARKS = {"beats": "beats random", "worse": "worse than random", "tied": "tied", "baseline": "baseline"}


def as_json(board: Board) -> str:
    """Everything on the board; numbers that do not exist are null."""
    document = jsonable(dataclasses.asdict(board))
    for written, table in zip(document["tables"], board.tables, strict=True):
        for row, source in zip(written["rows"], table.rows, strict=True):
            row["complete"] = source.complete
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(board: Board) -> str:
    """One line a row of every table; numbers stay numbers, empty where there are none."""
    page = io.StringIO()
    lines = flat_rows(board)
    writer = csv.DictWriter(page, fieldnames=list(lines[0]) if lines else ["track"], lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({key: _csv_cell(value) for key, value in line.items()})
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


def ranks(row: Row) -> str:
    """The rank with the range it could as well have, such as `2 (1-4)`; alone where it is sure, empty without one."""
    sure = row.rank_low is None or row.rank_low == row.rank_high == row.rank
    return str(row.rank or "") if sure else f"{row.rank} ({row.rank_low}-{row.rank_high})"


def percent(share: float | None) -> str:
    """A probability as `62 %`; nothing is called certain that a bootstrap merely never saw."""
    if share is None:
        return "-"
    return "<1 %" if share < 0.01 else ">99 %" if share > 0.99 else f"{100 * share:.0f} %"


def visible(text: str) -> str:
    """Text without the control characters by which a name could steer a terminal or break a line."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _csv_cell(value: Value) -> Value:
    """Spreadsheets run a text that begins like a formula; an apostrophe in front keeps it a text."""
    if isinstance(value, str):
        return f"'{visible(value)}" if value.startswith(("=", "+", "-", "@")) else visible(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _markdown_table(table: Table) -> list[str]:
    lines = [
        "| # | strategy | level | score | difference to random | verdict | p (Holm) | P(best) | P(beats random) "
        "| cells | selection s |",
        "| --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in table.rows:
        cells = (
            ranks(row) or "-",
            _markdown(row.spec) + (" (reference)" if row.reference else ""),
            _markdown(row.level),
            points(row.score),
            points(row.difference, sign=True),
            MARKS.get(row.verdict, "-"),
            "-" if row.p_holm is None else f"{row.p_holm:.3g}",
            percent(row.p_best),
            percent(row.p_beats_random),
            f"{row.cells_done}/{row.cells_registered}",
            f"{row.costs.selection_seconds:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _markdown(text: str) -> str:
    """Text that Markdown and the HTML behind it show as it is."""
    html = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#!|~])", r"\\\1", html)
