"""The sections of a report, one file each: from the material to plain blocks."""

from __future__ import annotations

from collections.abc import Callable

from suite.report.blocks import Section
from suite.report.material import Material
from suite.report.sections.contamination import contamination_section
from suite.report.sections.correlations import correlations_section
from suite.report.sections.cost import cost_section
from suite.report.sections.headline import headline_section
from suite.report.sections.ladder import ladder_section
from suite.report.sections.methods import methods_section
from suite.report.sections.overlap import overlap_section
from suite.report.sections.power import power_section
from suite.report.sections.published import published_section
from suite.report.sections.ranking import ranking_section
from suite.report.sections.reproduction import reproduction_section
from suite.report.sections.tasks import tasks_section
from suite.report.sections.tiers import tiers_section

SECTIONS: tuple[Callable[[Material], Section], ...] = (
    headline_section,
    ranking_section,
    tasks_section,
    cost_section,
    ladder_section,
    correlations_section,
    overlap_section,
    contamination_section,
    published_section,
    tiers_section,
    power_section,
    methods_section,
    reproduction_section,
)
"""In the order of the page."""

__all__ = ["SECTIONS"]
