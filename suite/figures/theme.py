"""The house's visual language: colours, type, grid, and the one function that begins every figure.

Okabe-Ito colours, which colour-blind readers tell apart (Okabe and Ito 2008, Color Universal Design); one colour a
strategy family everywhere, grey for baselines and references. Traces use colours that can be read on white and on
near-black alike, so that a page may switch between light and dark by changing the template alone.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache

import plotly.graph_objects as go

from suite.plain_text import visible

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}
GREY = "#8A8A8A"
RIBBON = "rgba(138, 138, 138, 0.20)"
"""The band of what chance does: where random selections fall."""
FAMILIES = {
    "macro": OKABE_ITO["blue"],
    "meso": OKABE_ITO["green"],
    "micro": OKABE_ITO["orange"],
    "embedding": OKABE_ITO["vermilion"],
    "model-aware": OKABE_ITO["purple"],
    "baseline": GREY,
}
"""Every strategy family in the order of legends."""
OTHER_FAMILY = OKABE_ITO["sky"]
"""Families this version does not know: published selections, plugins of others."""
SYMBOLS = {
    "macro": "square",
    "meso": "diamond",
    "micro": "triangle-up",
    "embedding": "circle",
    "model-aware": "star",
    "baseline": "circle",
}
"""One marker a family, so that no reader depends on colour."""
# No `system-ui`: on a bare Linux it is DejaVu Sans, which is wider than what every label was laid out for.
FONTS = (
    '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", "Liberation Sans", Arial, '
    "sans-serif"
)
DIVERGING = [[0.0, "#D55E00"], [0.25, "#E8A577"], [0.5, "#F2F2F2"], [0.75, "#74A9CC"], [1.0, "#0072B2"]]
"""Worse (vermilion) over equal (near white) to better (blue): told apart by colour-blind readers, too."""
SEQUENTIAL = [[0.0, "#F2F6FA"], [0.5, "#7FB2D6"], [1.0, "#004B76"]]

SUBTITLE_WIDTH = 140
"""Characters of a line that fit a figure of 900 pixels."""


def colour_of(level: str) -> str:
    """The colour of a strategy family (a row's `level`); grey for baselines."""
    return FAMILIES.get(level, OTHER_FAMILY)


def in_order(levels: Iterable[str]) -> list[str]:
    """The families of some rows, each once, in the order of legends; unknown ones by name before the grey ones."""
    known = list(FAMILIES)
    return sorted(set(levels), key=lambda level: (known.index(level) if level in FAMILIES else len(known) - 1.5, level))


def symbol_of(level: str) -> str:
    """The marker of a strategy family."""
    return SYMBOLS.get(level, "x")


def label(text: str) -> str:
    """A name from a stranger as text in a figure: plotly reads tags and entities in any text it draws."""
    return html.escape(visible(text), quote=False)


@cache
def template(dark: bool = False) -> go.layout.Template:
    """The house template, for a light or a dark page; the paper is transparent on a page and filled in a PNG."""
    ink, soft, grid, paper = (
        ("#E8E8EA", "#A9ABB3", "#34363D", "#16171B") if dark else ("#1B1C1F", "#5C5F66", "#E4E5E8", "#FFFFFF")
    )
    axis = {
        "gridcolor": grid,
        "gridwidth": 1,
        "linecolor": grid,
        "zerolinecolor": soft,
        "zerolinewidth": 1,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "ticklabelstandoff": 4,
        "title": {"standoff": 12, "font": {"size": 13, "color": soft}},
        "tickfont": {"size": 12, "color": ink},
    }
    layout = {
        "paper_bgcolor": paper,
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"family": FONTS, "size": 13, "color": ink},
        "title": {
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 16, "t": 16},
            "font": {"size": 18, "weight": 600, "color": ink},
            "subtitle": {"font": {"size": 13, "color": soft}},
        },
        "colorway": [OKABE_ITO[name] for name in ("blue", "vermilion", "green", "purple", "orange", "sky", "black")],
        "xaxis": axis,
        "yaxis": axis,
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.01,
            "x": 0,
            "xanchor": "left",
            "title": {"text": ""},
        },
        "hoverlabel": {"font": {"family": FONTS, "size": 12}, "align": "left", "namelength": -1},
        "hovermode": "closest",
        "margin": {"l": 24, "r": 24, "t": 112, "b": 24},
        "colorscale": {"diverging": DIVERGING, "sequential": SEQUENTIAL},
    }
    return go.layout.Template(layout=layout)


def figure(
    title: str, x_title: str, y_title: str, *, subtitle: str | Sequence[str] = "", dark: bool = False
) -> go.Figure:
    """An empty figure in the house's language.

    `x_title` and `y_title` name what an axis shows with its unit in brackets, such as `difference to random (points)`;
    `subtitle` is plain text that says how to read the figure: one text that is broken into lines, or its lines.
    Raises ValueError where an axis has no title.
    """
    if not x_title.strip() or not y_title.strip():
        raise ValueError(f"figure {title!r}: every axis needs a title with its unit")
    lines = textwrap.wrap(subtitle, SUBTITLE_WIDTH) if isinstance(subtitle, str) else subtitle
    return go.Figure(
        layout={
            "template": template(dark),
            "title": {
                "text": title,
                "subtitle": {"text": "<br>".join(map(label, lines))},
            },
            "xaxis": {"title": {"text": x_title}},
            "yaxis": {"title": {"text": y_title}},
        }
    )


def head_panel(drawn: go.Figure, number: int, text: str, *, size: int) -> None:
    """Write `text` (lines parted by <br>) above the panel of that number, counted from 1, row by row."""
    axis = "" if number == 1 else str(number)
    drawn.add_annotation(
        text=text,
        xref=f"x{axis} domain",
        yref=f"y{axis} domain",
        x=0,
        y=1.02,
        xanchor="left",
        yanchor="bottom",
        align="left",
        showarrow=False,
        font={"size": size},
    )
