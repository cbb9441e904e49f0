"""Figures to files: PNG through an installed browser, stand-alone HTML, and parts of a larger page.

HTML holds all of plotly.js and asks nothing of a network. A PNG is drawn by kaleido in an installed Chrome or Chromium;
without one a FigureError says how to get it.
"""

from __future__ import annotations

import html
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.atomic import atomic_file, write_text
from suite.errors import FigureError
from suite.extras import hint

if TYPE_CHECKING:
    import plotly.graph_objects as go

BROWSER_VARIABLES = ("BROWSER_PATH", "CHROME")
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
USUAL_PLACES = (Path("/usr/bin/chromium"), Path("/usr/bin/google-chrome"))
HOW_TO_GET_ONE = (
    "Install Chrome or Chromium (Debian: `apt-get install chromium`; elsewhere: `plotly_get_chrome`), or set "
    "BROWSER_PATH to its program."
)

CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}
"""How figures behave in a page."""

DEFAULT_TOP, DEFAULT_HEIGHT = 112, 540
_MODES = (("light", False), ("dark", True))


def find_browser() -> Path:
    """The program of an installed Chrome or Chromium.

    Looked for in BROWSER_PATH and CHROME, on PATH, in the usual places, then where plotly puts one of its own. Raises
    FigureError where there is none, or where a variable names something that is no program.
    """
    for variable in BROWSER_VARIABLES:
        if named := os.environ.get(variable):
            found = shutil.which(named)
            if found is None:
                raise FigureError(f"{variable} is {named!r}, and no program lies there. {HOW_TO_GET_ONE}")
            return Path(found)
    for name in BROWSER_NAMES:
        if found := shutil.which(name):
            return Path(found)
    for place in USUAL_PLACES:
        if place.is_file():
            return place
    if (own := _browser_of_plotly()) is not None:
        return own
    raise FigureError(f"A PNG is drawn by a browser, and none was found. {HOW_TO_GET_ONE}")


def _browser_of_plotly() -> Path | None:
    try:
        from choreographer.browsers.chromium import Chromium
    except ImportError:
        return None
    found = Chromium.find_browser(skip_local=False)
    return Path(found) if found and Path(found).is_file() else None


def write_png(figure: go.Figure, path: Path, *, width: int = 900, height: int = 600, scale: float = 2) -> None:
    """Draw `figure` to a PNG of `width` x `height` CSS pixels, each `scale` image pixels; whole or not at all.

    Raises FigureError without kaleido or a browser, or when the browser fails.
    """
    image = _drawn(figure, path.name, {"format": "png", "width": width, "height": height, "scale": scale})
    with atomic_file(path) as temporary:
        temporary.write_bytes(image)


def svg_of(figure: go.Figure, *, width: int = 900, height: int = 600) -> str:
    """`figure` as an SVG of `width` x `height` CSS pixels, its words as text. Raises FigureError, as `write_png`."""
    return _drawn(figure, "the SVG", {"format": "svg", "width": width, "height": height}).decode()


def _drawn(figure: go.Figure, name: str, options: dict[str, Any]) -> bytes:
    browser = find_browser()
    try:
        import kaleido
    except ImportError as error:
        raise FigureError(f"A picture needs kaleido: {hint('figures')}.") from error
    try:
        # Mathjax would be fetched from a network, and no label of ours is a formula.
        image = kaleido.calc_fig_sync(figure, opts=options, kopts={"path": str(browser), "mathjax": False})
    except Exception as error:  # a browser fails in as many ways as there are browsers
        raise FigureError(
            f"The browser {browser} could not draw {name}: {error or type(error).__name__}. {HOW_TO_GET_ONE}"
        ) from error
    return bytes(image)


def write_html(figure: go.Figure, path: Path) -> None:
    """Write `figure` as one HTML file that works without a network (about 5 MB, plotly.js with it)."""
    page = figure.to_html(include_plotlyjs=True, full_html=True, config=CONFIG)
    # Without an icon of its own, a page that is served asks for /favicon.ico.
    write_text(path, page.replace("<head>", '<head><link rel="icon" href="data:,">', 1))


def as_div(figure: go.Figure, identifier: str, *, described: str = "") -> str:
    """A figure as a part of a page that holds `page_script` once; `described` is what a screen reader says.

    `identifier` is the element's id: letters, digits and hyphens. Raises ValueError on any other.
    """
    drawn = on_page(figure)
    return (
        f"{place_for(drawn, identifier, described=described)}\n"
        f'<script type="application/json" data-plot="{identifier}">{script_json(drawn)}</script>\n'
    )


def on_page(figure: go.Figure) -> dict[str, Any]:
    """The data and the layout that a page's script draws.

    The title is left to the page, and so is the template: the script draws with the one of its mode.
    """
    drawn = json.loads(figure.to_json())
    own = drawn["layout"]
    layout = {key: value for key, value in own.items() if key not in ("template", "title", "width")}
    # Room for the title is part of a PNG; on the page it would be a gap.
    room = _title_height(own["title"]) if own.get("title", {}).get("text") else 0
    margin = own.get("margin", {})
    layout["margin"] = {**margin, "t": max(16, margin.get("t", DEFAULT_TOP) - room)}
    layout["height"] = own.get("height", DEFAULT_HEIGHT) - room
    return {"data": drawn["data"], "layout": layout}


def place_for(drawn: dict[str, Any], identifier: str, *, described: str = "") -> str:
    """The element that a figure of `on_page` is drawn in. Raises ValueError where `identifier` cannot be an id."""
    if not identifier.replace("-", "").isalnum() or not identifier.isascii():
        raise ValueError(f"{identifier!r} cannot be the id of an element")
    return (
        f'<div class="plot" id="{identifier}" role="img" aria-label="{html.escape(described)}" '
        f'style="min-height: {drawn["layout"]["height"]}px"></div>'
    )


def _title_height(title: dict[str, Any]) -> int:
    """Pixels that a title and the lines beneath it take at the top of a figure."""
    subtitle = (title.get("subtitle") or {}).get("text") or ""
    return 40 + 18 * (subtitle.count("<br>") + 1 if subtitle else 0)


def page_script() -> str:
    """plotly.js with `house_script`: the `<script>` elements that a page of `as_div` parts needs once."""
    from plotly.offline import get_plotlyjs

    return f"<script>{get_plotlyjs()}</script>\n<script>{house_script()}</script>\n"


def house_script() -> str:
    """Leaves `breadthFigures` in a page: `templates.light`, `templates.dark` and `config`."""
    from suite.figures.theme import template

    templates = {name: _on_page(template(dark).to_plotly_json()) for name, dark in _MODES}
    return f"const breadthFigures = {script_json({'templates': templates, 'config': CONFIG})};"


def _on_page(template: dict[str, Any]) -> dict[str, Any]:
    """A template that lets the page's own background through."""
    return {**template, "layout": {**template["layout"], "paper_bgcolor": "rgba(0, 0, 0, 0)"}}


def script_json(value: object) -> str:
    """JSON that may stand inside a `<script>` element: no text in it can close the element or open another."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written
