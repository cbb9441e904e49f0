"""Small pieces of Markdown that several kinds of pages are made of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

from handbook.links import REPOSITORY, ROOT

_ARXIV = re.compile(r"arXiv:? ?(\d{4}\.\d{4,5})")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where it has no rows."""
    written = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if not written:
        return ""
    return "\n".join([f"| {' | '.join(headings)} |", "|" + " --- |" * len(headings), *written]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Text as code within a line; nothing for none."""
    return f"`{text}`" if text else ""


def commands(*lines: str) -> str:
    """A block of commands as somebody types them."""
    return "\n".join(["```console", *lines, "```", ""])


def paper(text: str) -> str:
    """A citation whose arXiv identifier is a link."""
    return _ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def source(cls: type) -> str:
    """A link to where a class is written."""
    file = inspect.getsourcefile(cls)
    assert file is not None
    path = ROOT.joinpath(file).relative_to(ROOT)
    return f"[`{path}`]({REPOSITORY}{path})"


def signature(text: str) -> str:
    """A type as its reader knows it: without the modules it comes from."""
    return re.sub(r"\b(?:typing|pathlib|suite(?:\.\w+)*)\.", "", text)
