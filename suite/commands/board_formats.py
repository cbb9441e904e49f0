"""A board as JSON, CSV and Markdown. Names come from strangers: they are made harmless for each format's readers."""

from __future__ import annotations

import dataclasses
import json

from suite.aggregate import Board, Table
from suite.aggregate.prepared import flat_rows, jsonable
from suite.aggregate.wording import board_notes, legend, percent, points, ranks, table_notes, table_title
from suite.plain_text import csv_text, markdown_text

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
    lines = flat_rows(board)
    return csv_text(list(lines[0]) if lines else ["track"], [list(line.values()) for line in lines])


def as_markdown(board: Board) -> str:
    """The ranked tables for a document, with their footnotes."""
    parts = []
    for table in board.tables:
        parts += [f"### {markdown_text(table_title(board, table))}", "", *_markdown_table(table), ""]
        parts += [f"- {markdown_text(note)}" for note in table_notes(table)] + [""]
    parts += [f"- {markdown_text(note)}" for note in (*legend(board), *board_notes(board))]
    return "\n".join(parts).rstrip() + "\n"


def _markdown_table(table: Table) -> list[str]:
    lines = [
        "| # | strategy | level | score | difference to random | verdict | p (Holm) | P(best) | P(beats random) "
        "| cells | selection s |",
        "| --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in table.rows:
        cells = (
            ranks(row) or "-",
            markdown_text(row.spec) + (" (reference)" if row.reference else ""),
            markdown_text(row.level),
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
