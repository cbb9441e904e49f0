"""From sections to one HTML file: the template escapes every text, and nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from suite import __version__
from suite.figures.export import as_div, page_script
from suite.report.blocks import Picture
from suite.report.sections import SECTIONS

if TYPE_CHECKING:
    from suite.report.blocks import Section
    from suite.report.material import Material


def report_page(material: Material) -> str:
    """The whole page of a track; deterministic given its material."""
    sections = [section(material) for section in SECTIONS]
    environment = Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["ticked"] = _ticked
    # Only what this package wrote goes in unescaped: plotly.js, our own style and script, and drawn figures, whose
    # data are JSON without a single angle bracket.
    return environment.get_template("page.html").render(
        title=f"Breadth report: {material.track.name}",
        subtitle=material.track.title,
        sections=sections,
        plots={picture.identifier: Markup(_drawn(picture)) for picture in _pictures(sections)},
        style=Markup(_asset("style.css")),
        figures_script=Markup(page_script()),
        script=Markup(_asset("page.js")),
        results=len(material.used),
        version=__version__,
    )


def _ticked(text: str) -> Markup:
    """Text with `what stands in backticks` as code; everything in it is escaped first."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _asset(name: str) -> str:
    return files("suite.report").joinpath(name).read_text(encoding="utf-8")


def _pictures(sections: list[Section]) -> Iterator[Picture]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                yield block


def _drawn(picture: Picture) -> str:
    return as_div(picture.figure, picture.identifier, described=f"{picture.title}. {picture.how_to_read}")
