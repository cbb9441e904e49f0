"""From bytes that a stranger sent to lines of text: UTF-8, Unix line ends, visible characters, bounded lines."""

from __future__ import annotations

import re

from suite.intake.rules import Problems
from suite.plain_text import is_visible

LONGEST_LINE = {"submission.toml": 2_000, "strategy.py": 400, "selection.jsonl": 500}
"""Characters."""
MOST_LINES = 1_000_000
_PLAIN = re.compile(r"[\t\n -~]*")


def read_text(file: str, content: bytes, problems: Problems) -> str | None:
    """The file's text with its problems noted; None where it is not UTF-8 or has too many lines to say more of it.

    Of each kind of bad character the first in a line is named.
    """
    # Millions of empty lines fit into a small file, and each would take a hundred times its size to look at.
    if content.count(b"\n") + content.count(b"\r") > MOST_LINES:
        problems.add("file-size", file, None, f"more than {MOST_LINES:,} lines")
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        problems.add("utf-8", file, number, f"byte 0x{content[error.start]:02x}")
        return None
    if text.startswith("\ufeff"):
        problems.add("utf-8", file, 1, "byte order mark")
        text = text[1:]
    if "\r" in text:
        problems.add("line-ends", file, text.count("\n", 0, text.index("\r")) + 1, "carriage return")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    limit = LONGEST_LINE.get(file, 2_000)
    # Almost every file is plain ASCII with short lines: said at once, for a selection may have a million lines.
    plain = _PLAIN.fullmatch(text) is not None
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > limit:
            problems.add("line-length", file, number, f"{len(line):,} characters", f"Keep lines to {limit} characters.")
        if not plain and (bad := next((letter for letter in line if letter != "\t" and not is_visible(letter)), None)):
            problems.add("characters", file, number, f"U+{ord(bad):04X}")
    return text
