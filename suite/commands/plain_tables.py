"""Tables of studies as text: CSV that stays numbers, Markdown that names of strangers cannot break."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from suite.commands.board_formats import visible

Value = str | int | float | None


def csv_text(header: Sequence[str], lines: Sequence[Sequence[Value]]) -> str:
    """A CSV file; None is an empty cell."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([visible(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return page.getvalue()


def markdown_table(headings: Sequence[str], lines: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """The lines of a Markdown table whose first `left` columns are text and whose others are numbers."""
    rule = ["---"] * left + ["---:"] * (len(headings) - left)
    return [f"| {' | '.join(cells)} |" for cells in (headings, rule, *lines)]


def markdown_text(text: str) -> str:
    """Text that Markdown and the HTML behind it show as it is."""
    return visible(text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
