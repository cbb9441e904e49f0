"""What a section is made of. Every text here is plain: the page's template escapes it, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from suite.report.grids import NOTHING, P_VALUE, Cell, Column, Grid, Interval, Link, Value

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `lead` stands out, `note` steps back."""

    text: str
    kind: Literal["", "lead", "note"] = ""


@dataclass(frozen=True)
class Listing:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Lines for a shell, or other text that is shown as it is."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure with the one sentence that says how to read it."""

    identifier: str
    figure: go.Figure
    title: str
    how_to_read: str


@dataclass(frozen=True)
class NotRun:
    """A study that was not run, or cannot be shown, and the command that makes it."""

    why: str
    command: str


@dataclass(frozen=True)
class Heading:
    """A heading within a view or a section."""

    text: str


@dataclass(frozen=True)
class Links:
    """Links in a line; `download` says that they lead to files."""

    links: tuple[Link, ...]
    download: bool = False


@dataclass(frozen=True)
class Form:
    """A form of the live page, which has a template of its own under that name; a report has none."""

    identifier: str


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader unfolds; the title says what is inside, and how much."""

    title: str
    blocks: tuple[Block, ...]

    def kinds(self) -> list[tuple[str, Block]]:
        """Each block with the name of its class, by which the template chooses."""
        return kinds(self.blocks)


Block = Paragraph | Listing | Command | Picture | NotRun | Grid | Heading | Links | Form | Fold


def kinds(blocks: Sequence[Block]) -> list[tuple[str, Block]]:
    """Each block with the name of its class, by which the template chooses."""
    return [(type(block).__name__, block) for block in blocks]


def every(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks, those within folds after the fold."""
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from every(block.blocks)


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading; its identifier is its address."""

    identifier: str
    title: str
    blocks: tuple[Block, ...]

    def kinds(self) -> list[tuple[str, Block]]:
        """Each block with the name of its class, by which the template chooses."""
        return kinds(self.blocks)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


__all__ = [
    "NOTHING",
    "P_VALUE",
    "Block",
    "Cell",
    "Column",
    "Command",
    "Fold",
    "Form",
    "Grid",
    "Heading",
    "Interval",
    "Link",
    "Links",
    "Listing",
    "NotRun",
    "Paragraph",
    "Picture",
    "Section",
    "Value",
    "every",
    "kinds",
    "listed",
]
