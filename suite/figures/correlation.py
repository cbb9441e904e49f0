"""Metrics against performance: a forest of coefficients with their intervals, and a scatter a metric."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from suite.figures.labels import Place, labels_for
from suite.figures.theme import GREY, OKABE_ITO, colour_of, figure, head_panel, in_order, label, symbol_of

if TYPE_CHECKING:
    from suite.studies.correlate_table import CorrelateTable, Correlations, KeptCoefficient, MetricRow, PanelRow

COLUMNS = 4
PANEL = (255, 190)
"""Width and height of a scatter in pixels."""
MARGIN = 0.06 / 0.88
"""Room left and right of a scatter's points as a share of their range: what the placing of names counts on."""
ROW = 30
"""Height of a metric's row in the forest."""
APART = 0.17
"""How far the two estimates of a metric stand from the middle of its row."""
SETS = {
    True: ("all selections", "circle", OKABE_ITO["blue"]),
    False: ("without degenerate ones", "circle-open", OKABE_ITO["vermilion"]),
}


def coefficients_figure(table: CorrelateTable) -> go.Figure:
    """The mean of Pearson and Spearman of every metric with its interval, with degenerate selections and without."""
    first = table.correlations[0]
    names = [row.metric for row in reversed(first.metrics)]
    drawn = figure(
        f"Which metric predicts performance: {label(table.track)}, budget {table.budget:,}",
        "mean of Pearson and Spearman with performance",
        "metric",
        subtitle=_told(table, 104),
    )
    for one in table.correlations:
        _estimates(drawn, one, names, alone=len(table.correlations) == 1)
    for row in first.metrics:
        if row.flag:
            drawn.add_annotation(
                x=0, y=names.index(row.metric), text="flagged", showarrow=False, font={"size": 11, "color": GREY}
            )
    drawn.update_layout(
        height=coefficients_size(table)[1],
        margin={"l": 24, "r": 24, "t": 96 + 18 * len(_told(table, 104)), "b": 24},
        title={"y": 1, "yref": "container", "yanchor": "top", "pad": {"l": 16, "t": 18}},
    )
    drawn.update_xaxes(range=[-1.05, 1.05], zeroline=True, tickvals=[-1, -0.5, 0, 0.5, 1])
    ticks = [f"<b>{label(name)}</b>" if name == first.lead.hero else label(name) for name in names]
    drawn.update_yaxes(tickvals=list(range(len(names))), ticktext=ticks, range=[-0.6, len(names) - 0.4], zeroline=False)
    return drawn


def coefficients_size(table: CorrelateTable) -> tuple[int, int]:
    """Width and height of the forest's PNG in pixels."""
    rows = len(table.correlations[0].metrics) if table.correlations else 1
    return 860, 180 + ROW * rows + 18 * len(_told(table, 104))


def scatter_figure(table: CorrelateTable) -> go.Figure:
    """Performance against every metric, the best first; open marks are degenerate selections."""
    metrics = table.correlations[0].metrics
    columns, rows = _grid(len(metrics))
    drawn = make_subplots(
        rows=rows, cols=columns, shared_yaxes="all", horizontal_spacing=0.025, vertical_spacing=_gap(rows)
    )
    panel = [row for row in table.panel if row.performance is not None]
    for number, metric in enumerate(metrics):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        _scatter(drawn, metric, panel, place)
        _heading(drawn, metric, number + 1)
        drawn.update_xaxes(title={"text": _axis(metric), "standoff": 6}, **place)
        if not metric.higher_is_diverse:
            drawn.update_xaxes(autorange="reversed", **place)
    _families(drawn, panel, {"row": 1, "col": 1})
    told = _told(table, 34 * columns)
    frame = figure(
        f"Performance against every metric: {label(table.track)}, budget {table.budget:,}",
        "metric",
        "performance (mean z-score)",
        subtitle=told,
    ).layout
    drawn.update_layout(
        template=frame.template,
        title={
            **frame.title.to_plotly_json(),
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 16, "t": 18},
        },
        height=scatter_size(table)[1],
        margin={"l": 60, "r": 20, "t": 106 + 18 * len(told), "b": 110},
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    drawn.update_xaxes(zeroline=False, nticks=5, tickfont={"size": 10}, title={"font": {"size": 11}})
    drawn.update_yaxes(zeroline=True, tickfont={"size": 11})
    drawn.update_yaxes(title={"text": "performance (mean z)"}, col=1)
    return drawn


def scatter_size(table: CorrelateTable) -> tuple[int, int]:
    """Width and height of the scatter's PNG in pixels."""
    columns, rows = _grid(len(table.correlations[0].metrics) if table.correlations else 1)
    return max(640, PANEL[0] * columns + 60), (PANEL[1] + 84) * rows + 150 + 18 * len(_told(table, 34 * columns))


def metric_figure(table: CorrelateTable, metric: MetricRow) -> go.Figure:
    """Performance against one metric, every selection with its name."""
    panel = [row for row in table.panel if row.performance is not None]
    told = [
        f"{SETS[one.degenerate_included][0].capitalize()} (n = {one.selections}): {_coefficients(row)}."
        for one in table.correlations
        for row in one.metrics
        if row.metric == metric.metric
    ]
    drawn = figure(
        f"{label(metric.metric)} against performance: {label(table.track)}, budget {table.budget:,}",
        f"{_axis(metric)}, {'more' if metric.higher_is_diverse else 'less'} is more diverse",
        "performance of the models (mean z-score over tasks)",
        subtitle=[line for text in told for line in textwrap.wrap(text, 120)],
    )
    _scatter(drawn, metric, panel, {})
    _families(drawn, panel, {})
    _name_points(drawn, metric, panel)
    drawn.update_xaxes(zeroline=False)
    return drawn.update_layout(height=600, margin={"t": 118 + 18 * len(told)})


def _name_points(drawn: go.Figure, metric: MetricRow, panel: list[PanelRow]) -> None:
    """Names of strategies with their defaults, more of which would hide the points; and the axes' ranges."""
    values = [(row, row.metrics.get(metric.metric), row.performance) for row in panel]
    known = [(row, x, y) for row, x, y in values if x is not None and y is not None]
    if not known:
        return
    # Where less is more diverse the axis runs backwards, and so do the places of names on it.
    sign = 1.0 if metric.higher_is_diverse else -1.0
    (left, right), span = _room([sign * x for _, x, _ in known], MARGIN), _room([y for _, _, y in known], 0.06)
    places = [Place(sign * x, y, row.name if row.name == row.strategy else "") for row, x, y in known]
    named = [{**one, "x": sign * one["x"]} for one in labels_for(places, places, height=400, y_range=span)]
    # All at once: plotly checks every annotation that is there whenever one is added.
    drawn.update_layout(annotations=[*drawn.layout.annotations, *named])
    drawn.update_xaxes(range=[sign * left, sign * right])
    drawn.update_yaxes(range=list(span))


def _room(values: list[float], share: float) -> tuple[float, float]:
    """The ends of values with a share of their range on either side."""
    room = share * (max(values) - min(values) or 1.0)
    return min(values) - room, max(values) + room


def _coefficients(row: MetricRow) -> str:
    """A metric's coefficients in words, with their intervals."""
    if row.flag:
        return f"no correlation, because {row.flag}"
    named = (("Spearman", row.spearman), ("Pearson", row.pearson), ("Kendall", row.kendall))
    return "; ".join(f"{name} {_written(one)}" for name, one in named if one is not None and one.value is not None)


def _grid(panels: int) -> tuple[int, int]:
    columns = max(1, min(COLUMNS, panels))
    return columns, max(1, -(-panels // columns))


def _gap(rows: int) -> float:
    """The gap between rows of panels as a share of the plot, room for an axis title and a heading."""
    return min(84 / ((PANEL[1] + 84) * rows - 84), 1 / max(1, rows - 1)) if rows > 1 else 0.0


def _told(table: CorrelateTable, width: int) -> list[str]:
    said = []
    if table.reduced:
        said.append(f"Reduced: {'; '.join(table.reduced)}.")
    if table.incomplete:
        said.append(f"Incomplete: {len(table.incomplete)} cells have no result; selections that lack one do not count.")
    for one in table.correlations:
        which = "All" if one.degenerate_included else "Without degenerate ones"
        said.append(
            f"{which}: {one.selections} selections in {one.clusters} strategies; {one.lead.hero} {one.lead.standing}."
        )
    return [line for text in said for line in textwrap.wrap(text, width)]


def _estimates(drawn: go.Figure, one: Correlations, names: list[str], *, alone: bool) -> None:
    name, symbol, colour = SETS[one.degenerate_included]
    shift = 0.0 if alone else APART if one.degenerate_included else -APART
    found = [(row, row.mean) for row in one.metrics if row.mean is not None and row.mean.value is not None]
    drawn.add_trace(
        go.Scatter(
            x=[mean.value for _, mean in found],
            y=[names.index(row.metric) + shift for row, _ in found],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_reach(mean, mean.high) for _, mean in found],
                "arrayminus": [-_reach(mean, mean.low) for _, mean in found],
                "thickness": 1.4,
                "width": 3,
                "color": colour,
            },
            mode="markers",
            marker={"size": 9, "symbol": symbol, "color": colour, "line": {"width": 1.8, "color": colour}},
            name=f"{name} (n = {one.selections})",
            hovertext=[f"{label(row.metric)}: {_written(mean)}" for row, mean in found],
            hoverinfo="text",
            # Which metric a point is of, for pages that lead from it to the metric's scatter.
            customdata=[row.metric for row, _ in found],
        )
    )


def _scatter(drawn: go.Figure, metric: MetricRow, panel: list[PanelRow], place: dict[str, int]) -> None:
    rows = [row for row in panel if row.metrics.get(metric.metric) is not None]
    drawn.add_trace(
        go.Scatter(
            x=[row.metrics[metric.metric] for row in rows],
            y=[row.performance for row in rows],
            mode="markers",
            marker=_marks([row.family for row in rows], [row.degenerate for row in rows]),
            hovertext=[
                f"{label(row.name)}<br>{label(metric.metric)} {row.metrics[metric.metric]:.4g}<br>"
                f"performance {row.performance:+.2f}"
                for row in rows
            ],
            hoverinfo="text",
            showlegend=False,
        ),
        **place,
    )


def _marks(families: list[str], degenerate: list[bool]) -> dict[str, Any]:
    symbols = [
        f"{symbol_of(family)}-open" if open_ else symbol_of(family)
        for family, open_ in zip(families, degenerate, strict=True)
    ]
    colours = [colour_of(family) for family in families]
    return {"size": 7.5, "color": colours, "symbol": symbols, "opacity": 0.85, "line": {"width": 1.3, "color": colours}}


def _heading(drawn: go.Figure, metric: MetricRow, number: int) -> None:
    if metric.flag:
        told = label(textwrap.shorten(f"flagged: {metric.flag}", 38, placeholder=" ..."))
    else:
        told = f"ρ = {_short(metric.spearman)}, r = {_short(metric.pearson)}, τ = {_short(metric.kendall)}"
    head_panel(drawn, number, f"<b>{label(metric.metric)}</b><br>{told}", size=11)


def _families(drawn: go.Figure, panel: list[PanelRow], place: dict[str, int]) -> None:
    """The legend: a mark a family, and what an open one means."""
    for family in in_order(row.family for row in panel):
        _key(drawn, family, _marks([family], [False]), place)
    if any(row.degenerate for row in panel):
        _key(drawn, "open: degenerate", {**_marks(["baseline"], [True]), "color": GREY}, place)


def _key(drawn: go.Figure, name: str, marker: dict[str, Any], place: dict[str, int]) -> None:
    drawn.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=label(name)), **place)


def _axis(metric: MetricRow) -> str:
    return label(metric.metric) + ("" if metric.higher_is_diverse else " (axis reversed)")


def _short(one: KeptCoefficient | None) -> str:
    return "-" if one is None or one.value is None else f"{one.value:+.2f}"


def _reach(one: KeptCoefficient, end: float | None) -> float:
    return 0.0 if end is None or one.value is None else end - one.value


def _written(one: KeptCoefficient) -> str:
    if one.low is None or one.high is None:
        return f"{one.value:+.2f}"
    return f"{one.value:+.2f}, 95 % {one.low:+.2f} to {one.high:+.2f}"
