"""Metrics: which measure of diversity goes with the performance of the models that were trained on a selection."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.shown import kept_study, linked, no_table
from suite.figures.correlation import metric_figure
from suite.report.blocks import Block, Heading, NotRun, Paragraph, Picture
from suite.report.sections.correlations import (
    READ_FOREST,
    READ_SCATTER,
    coefficients,
    correlation_grids,
    findings,
    panel_grid,
)
from suite.studies.correlate_table import CorrelateTable, Correlations, KeptCoefficient, MetricRow

NAME, TITLE = "metrics", "Metrics"
HOW_TO_READ = READ_FOREST
CONTROLS = ("track", "metric")
STUDY = "correlate"


def blocks(page: Page) -> Iterator[Block]:
    """Who leads, every coefficient, and the selections behind the chosen metric."""
    if page.data is None:
        yield from no_table(page)
        return
    table = kept_study(
        page, STUDY, CorrelateTable, "no study of metrics against performance has been run on this track yet"
    )
    if isinstance(table, NotRun):
        yield table
        return
    yield from findings(table)
    yield Paragraph(
        f"{len(table.panel)} selections of {table.budget:,} samples on {table.base_model}; performance is the mean "
        "z-score over the tasks that enter the score. A coefficient of +1 says that the metric orders selections just "
        "as their models perform, 0 that it says nothing, -1 that it orders them the wrong way round.",
        "note",
    )
    if table.correlations:
        yield _clickable(page, coefficients(table))
        yield from _chosen(page, table)
    for grid in correlation_grids(table):
        yield linked(grid, 0, lambda name: page.link(metric=name))
    yield linked(panel_grid(table), 0, lambda name: page.link(view="compare", first=_spec(table, name), second=""))


def choices(page: Page) -> dict[str, list[tuple[str, str]]]:
    """What the control of metrics offers: those of the kept study, the best first."""
    table, _ = page.data.kept(STUDY, CorrelateTable) if page.data is not None else (None, "")
    return {"metric": [(name, name) for name in metric_names(table)] if table is not None else []}


def values(page: Page) -> dict[str, str]:
    """The metric that is shown, whether or not the address names one."""
    table, _ = page.data.kept(STUDY, CorrelateTable) if page.data is not None else (None, "")
    return {"metric": _chosen_name(page, table)} if table is not None and table.correlations else {}


def _chosen_name(page: Page, table: CorrelateTable) -> str:
    names, hero = metric_names(table), table.correlations[0].lead.hero
    asked = page.address.metric
    return asked if asked in names else hero if hero in names else names[0]


def metric_names(table: CorrelateTable) -> list[str]:
    """The metrics of a study, the best first."""
    return [row.metric for row in table.correlations[0].metrics] if table.correlations else []


def _spec(table: CorrelateTable, name: str) -> str:
    return next(row.spec for row in table.panel if row.name == name)


def _clickable(page: Page, picture: Picture) -> Picture:
    """The coefficients, each point leading to its metric's scatter."""
    for trace in picture.figure.data:
        if trace.customdata is not None:
            trace.customdata = [page.link(metric=str(name)) for name in trace.customdata]
    return picture


def _chosen(page: Page, table: CorrelateTable) -> Iterator[Block]:
    """The metric of the address, NovelSum where it names none."""
    asked, first = page.address.metric, table.correlations[0]
    names = metric_names(table)
    if asked and asked not in names:
        yield Paragraph(f"{asked} is not among the metrics of this study: {', '.join(names)}.", "note")
    name = _chosen_name(page, table)
    yield Heading(f"{name} in detail")
    for one in table.correlations:
        row = next((row for row in one.metrics if row.metric == name), None)
        if row is not None:
            yield Paragraph(_in_words(one, row))
    row = next(row for row in first.metrics if row.metric == name)
    yield Picture("metric-scatter", metric_figure(table, row), f"{name} against performance", READ_SCATTER)


def _in_words(one: Correlations, row: MetricRow) -> str:
    which = "Over all selections" if one.degenerate_included else "Without degenerate selections"
    counted = f"{which} (n = {one.selections}, of {one.clusters} strategies)"
    if row.flag:
        return f"{counted}: no correlation, because {row.flag}."
    said = [
        f"{name} {_number(found)}"
        for name, found in (("Spearman", row.spearman), ("Pearson", row.pearson), ("Kendall", row.kendall))
        if found is not None and found.value is not None
    ]
    text = f"{counted}: {', '.join(said)}." if said else f"{counted}: no coefficient."
    lead = row.lead.get("mean")
    if lead is not None and lead.value is not None:
        text += f" {one.lead.hero} stands {_number(lead)} above it (mean of Pearson and Spearman, paired)."
    return text


def _number(found: KeptCoefficient) -> str:
    assert found.value is not None
    if found.low is None or found.high is None:
        return f"{found.value:+.2f}, without an interval" + (f" ({found.note})" if found.note else "")
    p = "" if found.p is None else f", p {'below 0.001' if found.p < 0.001 else f'{found.p:.3f}'}"
    return f"{found.value:+.2f} (95 % {found.low:+.2f} to {found.high:+.2f}{p})"
