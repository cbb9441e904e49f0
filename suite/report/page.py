"""From sections to one HTML file: the template escapes every text, and nothing is fetched from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from suite import __version__
from suite.figures.export import as_div, page_script
from suite.report.blocks import Block, Grid, Link, Picture, every
from suite.report.markup import asset, environment, sheet_of
from suite.report.sections import SECTIONS

if TYPE_CHECKING:
    from suite.report.material import Material


def report_page(material: Material) -> str:
    """The whole page of a track; deterministic given its material."""
    sections = [section(material) for section in SECTIONS]
    there: list[Block] = [block for section in sections for block in every(section.blocks)]
    # Only what this package wrote goes in unescaped: plotly.js, our own style and script, and drawn figures, whose
    # data are JSON without a single angle bracket.
    return (
        environment()
        .get_template("page.html")
        .render(
            title=f"Breadth report: {material.track.name}",
            subtitle=material.track.title,
            sections=sections,
            plots={block.identifier: Markup(_drawn(block)) for block in there if isinstance(block, Picture)},
            sheets={
                block.identifier: sheet_of(block, (Link("CSV", block.data_uri),))
                for block in there
                if isinstance(block, Grid)
            },
            style=Markup(asset("blocks.css") + asset("style.css")),
            figures_script=Markup(page_script()),
            script=Markup(asset("figures.js") + asset("page.js")),
            results=len(material.used),
            version=__version__,
        )
    )


def _drawn(picture: Picture) -> str:
    return as_div(picture.figure, picture.identifier, described=f"{picture.title}. {picture.how_to_read}")
