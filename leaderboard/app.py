"""The web application: Gradio's controls and events around views that are rendered here, and files by plain links."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leaderboard.controls import CONTROLS, Control, State, states
from leaderboard.memory import few_arenas
from leaderboard.page import Page
from leaderboard.render import Rendered, render
from leaderboard.routes import address, exported, file, log, nothing_to_upload, page_of, picks, record
from leaderboard.views import view_named
from suite.figures.export import script_json

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from leaderboard.source import Source

SCRIPTS = ("figures.js", "page.js", "submit.js", "plotly.js")
TITLE = "Breadth: which samples should a model be fine-tuned on?"


def build(source: Source) -> FastAPI:
    """The application that shows what `source` holds, and takes submissions where that may be.

    The source is started and stopped by whoever made it.
    """
    few_arenas()
    import gradio as gr
    from fastapi import FastAPI

    from leaderboard.desk import Desk, door_to
    from leaderboard.first_screen import FirstScreen
    from leaderboard.theme import theme

    app = FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_route("/breadth/{name}", file, methods=["GET"])
    for path, answered in (
        ("/export/{view}/{name}", exported),
        ("/record/{name}", record),
        ("/picks/{name}", picks),
        ("/log/{name}", log),
    ):
        app.add_route(path, _on_page(source, answered), methods=["GET"])
    requests = source.snapshot().requests
    desk = Desk(source, door_to(requests.url if requests is not None else None))
    app.add_route("/desk", desk.who, methods=["GET"])
    app.add_route("/submission", desk.submission, methods=["POST"])
    # Gradio would keep on disk whatever anybody sends it; this page asks it for nothing of the kind.
    app.add_route("/gradio_api/upload", nothing_to_upload, methods=["POST"])
    if desk.door.by == "account":
        from gradio.oauth import attach_oauth

        attach_oauth(app)
    head = "".join(
        [
            f'<link rel="stylesheet" href="{address("page.css")}">',
            '<link rel="icon" href="data:,">',
            *(f'<script defer src="{address(name)}"></script>' for name in SCRIPTS),
        ]
    )
    app.add_middleware(FirstScreen, answer=lambda query: answer(source, query), head=head)
    return gr.mount_gradio_app(
        app, _blocks(source), path="/", theme=theme(), footer_links=[], ssr_mode=False, run_history=False
    )


def _on_page(source: Source, answered: Callable[[Page, Request], Response]) -> Callable[[Request], Response]:
    return lambda request: answered(page_of(source, request.url.query), request)


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
            if control.form == "text":
                continue  # Gradio tells of a key late on a busy machine, and would take back what was typed since.
            # The browser writes the choice into the address; the address alone says what to show.
            say = f"(value) => {{ breadth.choose({json.dumps(control.field)}, value); }}"
            box = controls[control.name]
            box.input(None, inputs=[box], js=say, show_progress="hidden", trigger_mode="multiple")

        def show(event: gr.EventData) -> list[Any]:
            asked = event._data or {}
            query = str(asked.get("query", ""))
            page = page_of(source, query)
            # Counted by the browser: an answer that is the same as the last one would not be handed over.
            turn = asked.get("turn") if isinstance(asked.get("turn"), int) else 0
            payload = _payload(page, render(page)) | {"asked": query, "turn": turn}
            there = states(page, view_named(page.asked.view))
            changes = [
                gr.skip() if control.field == asked.get("by") else _update(control, there[control.name])
                for control in CONTROLS
            ]
            return [script_json(payload), *changes]

        # Gradio hands an event over by its annotation, which it cannot resolve as text: the name is local here.
        show.__annotations__["event"] = gr.EventData
        view.select(
            show,
            inputs=None,
            outputs=[view, *controls.values()],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
            # The browser takes the answer to its last question, in whatever order answers come.
            trigger_mode="multiple",
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
        return gr.Textbox(placeholder=control.hint, interactive=True, lines=1, max_lines=1, max_length=100, **common)
    if control.form == "switch":
        return gr.Checkbox(value=False, **common)
    return gr.Dropdown(
        choices=[], multiselect=control.form == "many", value=[] if control.form == "many" else None, **common
    )


def _update(control: Control, state: State) -> dict[str, Any]:
    import gradio as gr

    if control.form == "many":
        assert isinstance(state.value, tuple)
        return gr.update(visible=state.shown, value=list(state.value), choices=[list(pair) for pair in state.choices])
    if control.form == "one":
        there = any(state.value == choice for _, choice in state.choices)
        value = state.value if there else None
        return gr.update(visible=state.shown, value=value, choices=[list(pair) for pair in state.choices])
    if control.form == "text":
        return gr.update(visible=state.shown)  # page.js fills it in, where nobody has typed on meanwhile
    return gr.update(visible=state.shown, value=state.value)
