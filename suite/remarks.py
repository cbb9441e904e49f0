"""What a strategy says of its own selection, such as that it is approximate: short lines that show all they hold.

A strategy says it as a warning (`warnings.warn`) while it selects. That text is its author's until it is made a remark
here; a remark that is read from a record is checked instead, since anybody may have written that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr

from suite.plain_text import is_visible

LONGEST_REMARK = 300
"""Characters."""
MOST_REMARKS = 20


def _checked(remark: str) -> str:
    if remark != remark.strip() or not all(map(is_visible, remark)):
        raise ValueError("a remark is one line of visible characters")
    return remark


Remark = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_REMARK), AfterValidator(_checked)]
Remarks = Annotated[tuple[Remark, ...], Field(max_length=MOST_REMARKS)]


def as_remarks(said: Iterable[str]) -> tuple[str, ...]:
    """Any texts as remarks, in the order said, each once and none that is empty.

    White space becomes single spaces, what does not show becomes �. A text is cut after 300 characters; after 20 texts
    the last remark says how many more there were.
    """
    remarks = list(dict.fromkeys(remark for text in said if (remark := _as_remark(text))))
    if len(remarks) > MOST_REMARKS:
        left_out = len(remarks) - MOST_REMARKS + 1
        remarks[MOST_REMARKS - 1 :] = [f"{left_out:,} more remarks are left out"]
    return tuple(remarks)


def _as_remark(text: str) -> str:
    # A text may have any length, and one character more than is kept tells that it goes on.
    words = " ".join(text[: 4 * LONGEST_REMARK].split())[: LONGEST_REMARK + 1]
    line = "".join(letter if is_visible(letter) else "�" for letter in words)
    return line if len(line) <= LONGEST_REMARK else line[: LONGEST_REMARK - 1].rstrip() + "…"
