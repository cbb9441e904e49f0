"""Tables and texts for terminals, spreadsheets and Markdown, whose readers the names of strangers cannot harm."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

Value = str | int | float | bool | None


def visible(text: str) -> str:
    """Text without the control characters by which a name could steer a terminal or break a line."""
    return "".join(character if character.isprintable() else "�" for character in text)


def is_visible(letter: str) -> bool:
    """Whether a character shows itself: no control, format, private, unassigned or surrogate one, no odd space."""
    return letter == " " or unicodedata.category(letter)[0] not in "CZ"


def csv_cell(value: Value) -> Value:
    """A cell of a CSV file: spreadsheets run a text that begins like a formula, so an apostrophe stands before it."""
    if isinstance(value, str):
        return f"'{visible(value)}" if value.startswith(("=", "+", "-", "@")) else visible(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def csv_text(header: Sequence[str], lines: Iterable[Sequence[Value]]) -> str:
    """A CSV file: numbers stay numbers, cells are empty where there are none."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([csv_cell(cell) for cell in line] for line in lines)
    return page.getvalue()


def markdown_table(headings: Sequence[str], lines: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """The lines of a Markdown table whose first `left` columns are text and whose others are numbers."""
    rule = ["---"] * left + ["---:"] * (len(headings) - left)
    return [f"| {' | '.join(cells)} |" for cells in (headings, rule, *lines)]


def markdown_text(text: str) -> str:
    """Text that Markdown and the HTML behind it show as it is."""
    html = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#!|~])", r"\\\1", html)


def markdown_code(text: str) -> str:
    """Text as code in a cell of a Markdown table, where only a backtick and a bar mean anything."""
    return f"`{visible(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def duration(seconds: float) -> str:
    """Seconds for people: `0.02 s`, `12 s`, `3.1 min`, `2.5 h`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"
