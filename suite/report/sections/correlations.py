"""Which diversity metric goes with performance, over many selections."""

from __future__ import annotations

from suite.report.blocks import NotRun, Section
from suite.report.material import Material


def correlations_section(material: Material) -> Section:
    """The kept study, or the command that makes it."""
    command = f"breadth correlate --track {material.asked}"
    return Section("correlations", "Metrics against performance", (NotRun("", command),))
