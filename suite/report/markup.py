"""From blocks to HTML: the template escapes every text; what a report and the live page do alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.report.grids import Cell, Grid, Link


@dataclass(frozen=True)
class Head:
    """A column's head: sorting is a link where `href` is given, else the page's script does it unless it is `fixed`."""

    name: str
    title: str
    classes: str
    href: str = ""
    sorted: str = ""
    fixed: bool = False


@dataclass(frozen=True)
class SheetRow:
    """A row as the template meets it."""

    cells: list[Cell]
    muted: bool


@dataclass(frozen=True)
class Sheet:
    """A grid as the template meets it: sorted, cut to one page of rows, with the links around it."""

    identifier: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[SheetRow, ...]
    downloads: tuple[Link, ...]
    summary: str = ""
    pages: tuple[Link, ...] = ()


def sheet_of(
    grid: Grid,
    downloads: tuple[Link, ...],
    *,
    sort: str = "",
    sort_link: Callable[[str], str] = lambda key: "",
    fixed: bool = False,
    summary: str = "",
    pages: tuple[Link, ...] = (),
) -> Sheet:
    """The sheet of a grid whose rows are already those to show; `sort_link` gives the link for a sort key.

    A column that the rows are sorted by is offered the other way round; `fixed` rows keep their order.
    """
    heads = []
    for column in grid.columns:
        downwards = sort == f"-{column.name}"
        state = "descending" if downwards else "ascending" if sort == column.name else ""
        # Numbers are first asked for from the largest, texts from the first of the alphabet.
        first_down = column.numeric or column.role == "bar"
        down = not downwards if state else first_down
        classes = "number" if column.numeric else column.role
        heads.append(
            Head(
                column.name, column.title, classes, sort_link(f"-{column.name}" if down else column.name), state, fixed
            )
        )
    rows = tuple(SheetRow(cells, number in grid.muted) for number, cells in enumerate(grid.cells()))
    return Sheet(grid.identifier, grid.title, tuple(heads), rows, downloads, summary, pages)


def environment(templates: Mapping[str, Callable[[], str]] | None = None) -> Environment:
    """A jinja environment with this package's templates and `templates` (names to readers); all is escaped."""
    own = templates or {}

    def load(name: str) -> str:
        return own[name]() if name in own else asset(name)

    made = Environment(
        loader=FunctionLoader(load), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["ticked"] = ticked
    made.filters["slug"] = slug
    return made


def ticked(text: str) -> Markup:
    """Text with `what stands in backticks` as code; everything in it is escaped first."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def slug(text: str) -> str:
    """Letters, digits and hyphens of a text, for the name of a class."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def asset(name: str) -> str:
    """A file of this package as text."""
    return files("suite.report").joinpath(name).read_text(encoding="utf-8")
