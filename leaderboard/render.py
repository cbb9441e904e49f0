"""From a view's blocks to what the browser gets, and to files: every text is escaped, every figure is data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leaderboard.address import Address
from leaderboard.controls import states
from leaderboard.views import VIEWS, View, view_named
from suite import __version__
from suite.errors import UnknownNameError
from suite.figures.export import on_page, place_for
from suite.report.blocks import Block, Form, Grid, Link, Picture, every, kinds
from suite.report.markup import Sheet, environment, sheet_of

if TYPE_CHECKING:
    from leaderboard.page import Page

ROWS_A_PAGE = 100
FORMATS: dict[str, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
"""What a grid can be taken along as, with its media type."""
_MAKING = threading.BoundedSemaphore(2)
"""Fifty readers at once are served no faster by fifty threads, for Python runs one of them at a time."""


@dataclass(frozen=True)
class Rendered:
    """A view for the browser: what stands above and beneath the controls, and by the identifier of their places the
    figures that the script draws."""

    head: str
    body: str
    figures: dict[str, dict[str, Any]]


def render(page: Page) -> Rendered:
    """The open view of a page, head to foot; a few at a time, for each holds memory while it is made."""
    with _MAKING:
        return _rendered(page)


def _rendered(page: Page) -> Rendered:
    view = view_named(page.asked.view)
    blocks = list(view.blocks(page))
    there = list(every(blocks))
    figures = {block.identifier: on_page(block.figure) for block in there if isinstance(block, Picture)}
    plots = {
        block.identifier: _place(block, figures[block.identifier]) for block in there if isinstance(block, Picture)
    }
    head = _TEMPLATES.get_template("head.html").render(
        page=page,
        view=view,
        tabs=[(other, page.asked.changed(view=other.NAME, run="", request="", sort="").href) for other in VIEWS],
        age=_age(page),
        filters=any(state.shown for state in states(page, view).values()),
    )
    plots |= {block.identifier: _form(block, page) for block in there if isinstance(block, Form)}
    body = _TEMPLATES.get_template("body.html").render(
        page=page,
        view=view,
        kinds=kinds(blocks),
        sheets={block.identifier: _sheet(block, page, view) for block in there if isinstance(block, Grid)},
        plots=plots,
        version=__version__,
    )
    return Rendered(head, body, figures)


def render_answer(blocks: Sequence[Block]) -> str:
    """Blocks without pictures as HTML, for a place within a view; tables leave as CSV and stay in their order."""
    grids = [block for block in every(blocks) if isinstance(block, Grid)]
    sheets = {grid.identifier: sheet_of(grid, (Link("CSV", grid.data_uri),), fixed=True) for grid in grids}
    return _TEMPLATES.get_template("answer.html").render(kinds=kinds(blocks), sheets=sheets)


def export(page: Page, view: str, identifier: str, kind: str) -> bytes:
    """A grid of a view as a file: every row of it, in the order of the address. Raises UnknownNameError."""
    chosen = next((other for other in VIEWS if view == other.NAME), None)
    if chosen is None:
        raise UnknownNameError("view", view, [other.NAME for other in VIEWS])
    if kind not in FORMATS:
        raise UnknownNameError("format", kind, FORMATS)
    with _MAKING:
        grids = {block.identifier: block for block in every(chosen.blocks(page)) if isinstance(block, Grid)}
        if identifier not in grids:
            raise UnknownNameError(f"table of the view {view}", identifier, grids)
        grid = grids[identifier].sorted(page.asked.sort)
        return grid.parquet() if kind == "parquet" else grid.csv().encode()


def _sheet(grid: Grid, page: Page, view: View) -> Sheet:
    asked = page.asked
    ordered = grid.sorted(asked.sort)
    pages = max(1, -(-len(ordered.rows) // ROWS_A_PAGE))
    at = min(asked.at, pages)
    first = (at - 1) * ROWS_A_PAGE
    part = ordered.part(first, ROWS_A_PAGE)
    query = asked.changed(at=1).to_query()
    downloads = tuple(
        Link(kind.upper() if kind == "csv" else "Parquet", f"export/{view.NAME}/{grid.identifier}.{kind}?{query}")
        for kind in FORMATS
    )
    return sheet_of(
        part,
        downloads,
        sort=asked.sort,
        sort_link=lambda key: asked.changed(sort=key).href,
        summary=f"rows {first + 1:,} to {first + len(part.rows):,} of {len(ordered.rows):,}",
        pages=tuple(_around(at, pages, asked)) if pages > 1 else (),
    )


def _around(at: int, pages: int, asked: Address) -> Iterable[Link]:
    """The links from one page of a table to others."""
    for text, to in (("first", 1), ("previous", at - 1), ("next", at + 1), ("last", pages)):
        if 1 <= to <= pages and to != at:
            yield Link(text, asked.changed(at=to).href)


def _place(picture: Picture, drawn: dict[str, Any]) -> Markup:
    # Written by this package; its texts are escaped there.
    return Markup(place_for(drawn, picture.identifier, described=f"{picture.title}. {picture.how_to_read}"))


def _form(form: Form, page: Page) -> Markup:
    return Markup(_TEMPLATES.get_template(f"{form.identifier}.html").render(page=page))


def _age(page: Page) -> dict[str, str]:
    """When the data were last known to be whole: for machines, for people, and as far as a script counts on."""
    as_of = page.snapshot.as_of
    if as_of is None:
        return {"iso": "", "shown": "unknown"}
    return {"iso": as_of.isoformat(), "shown": f"{as_of:%Y-%m-%d %H:%M} UTC"}


def template(name: str) -> str:
    """A template or a static file of this package as text."""
    return files("leaderboard").joinpath(name).read_text(encoding="utf-8")


def _own(name: str) -> Callable[[], str]:
    return lambda: template(f"templates/{name}")


_TEMPLATES = environment({name: _own(name) for name in ("head.html", "body.html", "answer.html", "submission.html")})
