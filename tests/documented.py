"""The commands that pages show, as their readers would type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?:console|bash)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
PREFIXES = (".venv/bin/",)
"""Where a program lies in a clone; the same program without it."""


@dataclass(frozen=True)
class Shown:
    """One command of a page: its words without what the shell and its comments add."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """What is called."""
        return self.words[0]

    @property
    def verb(self) -> str:
        """What `breadth` is to do; nothing for other programs."""
        return self.words[1] if self.program == "breadth" and len(self.words) > 1 else ""

    def __str__(self) -> str:
        return shlex.join(self.words)


def commands_in(text: str, page: str) -> Iterator[Shown]:
    """Every command of every block of a page, in order."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                program = words[0]
                for prefix in PREFIXES:
                    program = program.removeprefix(prefix)
                yield Shown(page, (program, *words[1:]))


def written_pages() -> list[Path]:
    """Every document that somebody wrote by hand and readers type from."""
    beside = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "submissions/README.md")]
    return [*beside, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "results").glob("*.md"))]


def made_pages() -> dict[str, str]:
    """Every page of the site that is made: path and Markdown, those of files elsewhere left out."""
    from handbook.hooks import WRITTEN_AT, generated

    return {page: text for page, text in generated().items() if page not in WRITTEN_AT}


def every_command() -> list[Shown]:
    """All commands of all pages."""
    shown = [one for path in written_pages() for one in commands_in(path.read_text(), str(path.relative_to(ROOT)))]
    return shown + [one for page, text in made_pages().items() for one in commands_in(text, page)]
