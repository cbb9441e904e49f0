"""Which diversity metric goes with performance, over many selections, with and without degenerate ones."""

from __future__ import annotations

from collections.abc import Iterator

from suite.figures.correlation import coefficients_figure, scatter_figure
from suite.report.blocks import P_VALUE, Block, Column, Grid, Listing, NotRun, Paragraph, Picture, Section, Value
from suite.report.material import Material
from suite.studies.correlate_table import CorrelateTable, Correlations, MetricRow

READ_FOREST = (
    "Each row is a metric: the mean of its Pearson and Spearman correlation with performance, with a 95 % interval "
    "clustered by strategy. Right of zero: more diverse selections, as this metric sees it, do better. Where filled "
    "and open marks lie apart, degenerate selections made the correlation."
)
READ_SCATTER = (
    "Each mark is one selection: its metric (x) against the performance of the model trained on it (y, mean z-score "
    "over tasks); open marks are degenerate selections, such as those with repeats. Marks without a name are other "
    "settings or draws of a strategy that is named."
)
COEFFICIENTS = ("spearman", "pearson", "kendall", "mean")
COLUMNS = (
    Column("metric", role="name"),
    Column("family"),
    *(
        column
        for name in COEFFICIENTS
        for column in (
            Column(name.capitalize(), "+.3f"),
            Column("low", "+.3f", key=f"{name}-low"),
            Column("high", "+.3f", key=f"{name}-high"),
        )
    ),
    Column("p (Spearman)", P_VALUE),
    Column("selections", "d"),
    Column("clusters", "d"),
    Column("NovelSum's lead (mean)", "+.3f", key="lead"),
    Column("low", "+.3f", key="lead-low"),
    Column("high", "+.3f", key="lead-high"),
    Column("remark"),
)
PANEL = (
    Column("selection"),
    Column("family", role="family"),
    Column("degenerate"),
    Column("complete"),
    Column("performance (mean z)", "+.3f"),
)


def correlations_section(material: Material) -> Section:
    """The kept study, or the command that makes it."""
    table, why = material.kept("correlate", CorrelateTable)
    title = "Metrics against performance"
    if table is None:
        return Section("correlations", title, (NotRun(why, f"breadth correlate --track {material.asked}"),))
    return Section("correlations", title, tuple(_blocks(table)))


def _blocks(table: CorrelateTable) -> Iterator[Block]:
    yield from findings(table)
    if table.correlations:
        yield coefficients(table)
    yield from correlation_grids(table)
    if table.correlations:
        yield Picture("scatter", scatter_figure(table), "Performance against every metric", READ_SCATTER)
    yield panel_grid(table)


def findings(table: CorrelateTable) -> Iterator[Block]:
    """Whether NovelSum leads, with degenerate selections and without, and what is not in the study."""
    yield from (
        Paragraph(f"{_which(one)}: {one.lead.words}", "lead" if not number else "")
        for number, one in enumerate(table.correlations)
    )
    warnings = [f"Reduced against the registered panel: {reason}." for reason in table.reduced]
    if table.withheld:
        warnings.append(f"No correlations: {table.withheld}.")
    if table.incomplete:
        warnings.append(f"{len(table.incomplete)} cells have no result yet; selections that lack a seed do not count.")
    warnings += [f"Left out: {one.name}, because {one.reason}." for one in table.left_out]
    if warnings:
        yield Listing(tuple(warnings))


def coefficients(table: CorrelateTable) -> Picture:
    """The forest of coefficients; the table has correlations."""
    return Picture("coefficients", coefficients_figure(table), "Which metric predicts performance", READ_FOREST)


def correlation_grids(table: CorrelateTable) -> Iterator[Grid]:
    """Every metric with its coefficients, over all selections and over the sound ones."""
    for number, one in enumerate(table.correlations):
        title = f"{_which(one)} ({one.selections} selections of {one.clusters} strategies)"
        yield Grid(f"correlations-{number}", title, COLUMNS, tuple(_row(row) for row in one.metrics))


def _which(one: Correlations) -> str:
    return "All selections" if one.degenerate_included else "Without degenerate selections"


def _row(row: MetricRow) -> tuple[Value, ...]:
    cells: list[Value] = [row.metric, row.family]
    for name in COEFFICIENTS:
        found = getattr(row, name)
        cells += [found.value, found.low, found.high] if found else [None, None, None]
    lead = row.lead.get("mean")
    cells += [row.spearman.p, row.spearman.n, row.spearman.clusters] if row.spearman else [None, None, None]
    cells += [lead.value, lead.low, lead.high] if lead else [None, None, None]
    return (*cells, row.remark)


def panel_grid(table: CorrelateTable) -> Grid:
    """Every selection with its performance and raw metrics."""
    metrics = list(dict.fromkeys(name for row in table.panel for name in row.metrics))
    rows = tuple(
        (
            row.name,
            row.family,
            row.degenerate,
            row.complete,
            row.performance,
            *(row.metrics.get(name) for name in metrics),
        )
        for row in table.panel
    )
    muted = frozenset(place for place, row in enumerate(table.panel) if not row.complete)
    return Grid("panel", "Every selection", PANEL + tuple(Column(name, ".4g") for name in metrics), rows, muted)
