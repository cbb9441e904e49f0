"""The web application: Gradio's controls and events around views that are rendered here, and files by plain links."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from leaderboard.address import Address
from leaderboard.controls import CONTROLS, Control, State, states
from leaderboard.page import Page
from leaderboard.render import FORMATS, Rendered, export, render, template
from leaderboard.views import view_named
from suite.errors import UnknownNameError
from suite.figures.export import house_script, script_json
from suite.report.markup import asset

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from leaderboard.source import Source

LONGEST_QUERY = 8192
"""Characters of a query string that are read; the rest is left out."""
TITLE = "Breadth: which samples should a model be fine-tuned on?"


def build(source: Source) -> FastAPI:
    """The application that shows what `source` holds. The source is started and stopped by whoever made it."""
    import gradio as gr
    from fastapi import FastAPI

    from leaderboard.first_screen import FirstScreen
    from leaderboard.theme import theme

    app = FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)
    _add_files(app)
    _add_exports(app, source)
    app.add_middleware(FirstScreen, answer=lambda query: answer(source, query))
    head = "".join(
        [
            f'<link rel="stylesheet" href="{address("page.css")}">',
            *(f'<script defer src="{address(name)}"></script>' for name in ("figures.js", "page.js", "plotly.js")),
        ]
    )
    return gr.mount_gradio_app(
        app, _blocks(source), path="/", theme=theme(), head=head, footer_links=[], ssr_mode=False, run_history=False
    )


def page_of(source: Source, query: str) -> Page:
    """The page of a query string, whoever wrote it."""
    pairs = parse_qs(query[:LONGEST_QUERY].lstrip("?"), max_num_fields=None)
    return Page.of(source.snapshot(), Address.parse({key: values[-1] for key, values in pairs.items()}))


def answer(source: Source, query: str) -> dict[str, Any]:
    """All that the browser needs to show the page of a query."""
    page = page_of(source, query)
    return _payload(page, render(page))


def _payload(page: Page, rendered: Rendered) -> dict[str, Any]:
    view = view_named(page.asked.view)
    track = page.data.name if page.data else "no results yet"
    return {
        "query": page.asked.to_query(),
        "title": f"{view.TITLE} · {track} · Breadth",
        "head": rendered.head,
        "body": rendered.body,
        "figures": rendered.figures,
    }


def _blocks(source: Source) -> gr.Blocks:
    """The Gradio part: the bar of controls, and one component through which addresses go out and views come in."""
    import gradio as gr

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(html_template='<div id="breadth-head" class="breadth"></div>', js_on_load=None, apply_default_css=False)
        with gr.Row(elem_id="controls", elem_classes=["controls"]):
            controls = {control.name: _component(control) for control in CONTROLS}
        view = gr.HTML(
            elem_id="breadth-view",
            html_template='<div id="breadth-body" class="breadth"></div>',
            js_on_load="breadth.mount(element, props, trigger, watch);",
            apply_default_css=False,
        )
        for control in CONTROLS:
            # The browser writes the choice into the address; the address alone says what to show.
            say = f"(value) => {{ breadth.choose({json.dumps(control.field)}, value); }}"
            controls[control.name].input(None, inputs=[controls[control.name]], js=say, show_progress="hidden")

        def show(event: gr.EventData) -> list[Any]:
            asked = event._data or {}
            page = page_of(source, str(asked.get("query", "")))
            payload = _payload(page, render(page))
            there = states(page, view_named(page.asked.view))
            changes = [
                gr.skip() if control.field == asked.get("by") else _update(there[control.name]) for control in CONTROLS
            ]
            return [script_json(payload), *changes]

        view.select(
            show,
            inputs=None,
            outputs=[view, *controls.values()],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    return blocks


def _component(control: Control) -> Any:
    import gradio as gr

    common: dict[str, Any] = {
        "label": control.label,
        "elem_id": f"control-{control.name}",
        "elem_classes": ["control", f"control-{control.form}"],
        "visible": False,
        "min_width": 110,
    }
    if control.form == "text":
        return gr.Textbox(placeholder=control.hint, max_length=100, **common)
    if control.form == "switch":
        return gr.Checkbox(value=False, **common)
    return gr.Dropdown(
        choices=[], multiselect=control.form == "many", value=[] if control.form == "many" else None, **common
    )


def _update(state: State) -> dict[str, Any]:
    import gradio as gr

    value = list(state.value) if isinstance(state.value, tuple) else state.value
    if state.choices:
        return gr.update(visible=state.shown, value=value or None, choices=[list(choice) for choice in state.choices])
    return gr.update(visible=state.shown, value=value)


def _add_files(app: FastAPI) -> None:
    """Style and scripts, each under an address that changes with its content."""
    from fastapi import HTTPException, Request, Response

    @app.get("/breadth/{name}")
    def file(name: str, request: Request) -> Response:
        if name not in _FILES:
            raise HTTPException(404, f"There is no file {name!r}.")
        plain, packed = content(name)
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=_FILES[name], headers=headers | {"Content-Encoding": "gzip"})
        return Response(plain, media_type=_FILES[name], headers=headers)


def _add_exports(app: FastAPI, source: Source) -> None:
    from fastapi import HTTPException, Request, Response

    @app.get("/export/{view}/{file}")
    def exported(view: str, file: str, request: Request) -> Response:
        grid, _, kind = file.rpartition(".")
        page = page_of(source, request.url.query)
        try:
            written = export(page, view, grid, kind)
        except UnknownNameError as error:
            raise HTTPException(404, str(error)) from error
        track = page.data.name if page.data else "breadth"
        name = f"{track}-{view}-{grid}.{kind}"
        return Response(
            written,
            media_type=FORMATS[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
        )


_FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "figures.js": "text/javascript",
    "plotly.js": "text/javascript",
}


@cache
def content(name: str) -> tuple[bytes, bytes]:
    """A file of the page, plain and gzipped."""
    import gzip

    from plotly.offline import get_plotlyjs

    written = {
        "page.css": lambda: asset("blocks.css") + template("static/page.css"),
        "page.js": lambda: template("static/page.js"),
        "figures.js": lambda: f"{house_script()}\n{asset('figures.js')}",
        "plotly.js": get_plotlyjs,
    }[name]().encode()
    return written, gzip.compress(written, 6)


@cache
def address(name: str) -> str:
    """Where the browser finds a file of the page, relative to the page."""
    return f"breadth/{name}?v={hashlib.sha256(content(name)[0]).hexdigest()[:12]}"
