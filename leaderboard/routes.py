"""What the page serves beside itself: its style and scripts, and every table as a file."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from leaderboard.address import Address
from leaderboard.page import Page
from leaderboard.render import FORMATS, export, template
from leaderboard.views.one_run import picked_rows
from suite.errors import BreadthError, StoreError, UnknownNameError
from suite.figures.export import house_script
from suite.report.markup import asset

if TYPE_CHECKING:
    from leaderboard.source import Source
    from suite.aggregate.cells import CellLine
    from suite.results import Result

LONGEST_QUERY = 8192
"""Characters of a query string that are read; the rest is left out."""
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "figures.js": "text/javascript",
    "submit.js": "text/javascript",
    "plotly.js": "text/javascript",
}


def page_of(source: Source, query: str) -> Page:
    """The page of a query string, whoever wrote it."""
    pairs = parse_qs(query[:LONGEST_QUERY].lstrip("?"))
    return Page.of(source.snapshot(), Address.parse({key: values[-1] for key, values in pairs.items()}))


def file(request: Request) -> Response:
    """A style or a script; it may be kept for ever, for its address changes with its content."""
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404, f"There is no file {name!r}.")
    plain, packed = content(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=FILES[name], headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type=FILES[name], headers=headers)


def exported(page: Page, request: Request) -> Response:
    """`/export/<view>/<table>.<format>?<address>`: every row of a table; 404 where there is no such table or format."""
    view = request.path_params["view"]
    grid, _, kind = request.path_params["name"].rpartition(".")
    try:
        written = export(page, view, grid, kind)
    except UnknownNameError as error:
        raise HTTPException(404, str(error)) from error
    name = f"{page.data.name if page.data else 'breadth'}-{view}-{grid}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(written, media_type=FORMATS[kind], headers=headers)


def record(page: Page, request: Request) -> Response:
    """`/record/<name>.json?<address>`: the record that the address names, as the store keeps it."""
    result, line = _result(page)
    name = f"{line.record_id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(result.to_json(), media_type="application/json", headers=headers)


def picks(page: Page, request: Request) -> Response:
    """`/picks/<name>.txt?<address>`: the rows that the record was trained on, one a line, in the order picked."""
    result, line = _result(page)
    rows = picked_rows(result)
    if rows is None:
        raise HTTPException(404, "Which samples were picked was not recorded with this result.")
    headers = {
        "Content-Disposition": f'attachment; filename="{line.record_id}.txt"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response("".join(f"{row}\n" for row in rows), media_type="text/plain; charset=utf-8", headers=headers)


def log(page: Page, request: Request) -> Response:
    """`/log/<name>.txt?<address>`: the log of the request that the address names, as far as it is kept."""
    requests = page.snapshot.requests
    found = requests.listing.find(page.asked.request) if requests is not None else None
    if requests is None or found is None:
        raise HTTPException(404, "The address names no request that is here.")
    try:
        content = requests.log(found)
    except BreadthError as error:
        raise HTTPException(404, str(error)) from error
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.txt"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="text/plain; charset=utf-8", headers=headers)


def nothing_to_upload(request: Request) -> Response:
    """Where Gradio takes files in: this page has no place for any."""
    raise HTTPException(404, "Submissions are sent from the Submit tab, or with `breadth submit`.")


def _result(page: Page) -> tuple[Result, CellLine]:
    line = page.data.cells.find(page.asked.run) if page.data is not None and page.asked.run else None
    if page.data is None or line is None:
        raise HTTPException(404, "The address names no record that is here.")
    try:
        return page.data.result(line.path), line
    except StoreError as error:
        raise HTTPException(404, str(error)) from error


@cache
def content(name: str) -> tuple[bytes, bytes]:
    """A file of the page, plain and gzipped."""
    if name == "page.css":
        text = asset("blocks.css") + template("static/page.css")
    elif name in ("page.js", "submit.js"):
        text = template(f"static/{name}")
    elif name == "figures.js":
        text = f"{house_script()}\n{asset('figures.js')}"
    else:
        from plotly.offline import get_plotlyjs

        text = get_plotlyjs()
    return text.encode(), gzip.compress(text.encode(), 6)


@cache
def address(name: str) -> str:
    """Where the browser finds a file of the page, relative to the page."""
    return f"breadth/{name}?v={hashlib.sha256(content(name)[0]).hexdigest()[:12]}"
