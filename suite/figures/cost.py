"""Cost against gain: what a selection cost and what it brought, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from suite.aggregate import Board, Row, Table
from suite.figures.labels import Place, labels_for
from suite.figures.scale import Scale
from suite.figures.theme import GREY, colour_of, figure, in_order, label, symbol_of

LEAST_SECONDS = 0.01
"""Shorter times cannot be told apart on another machine; they stand at the left edge."""
HOW_TO_READ = (
    "Up and left is better. Whisker: 95 % interval of the difference to random; time: median of "
    "features and selection. On the dashed line (Pareto front) nothing is both cheaper and better. On a narrow screen "
    "points carry their ranks, which the table beneath has."
)


@dataclass(frozen=True)
class Point:
    """A row's cost in seconds (features and selection) and its gain over random in points."""

    row: Row
    seconds: float
    gain: float


def cost_points(table: Table) -> list[Point]:
    """The complete rows that are no references and have a difference to random; random itself gains zero."""
    found = []
    for row in table.rows:
        if row.complete and not row.reference and (row.difference or row.verdict == "baseline"):
            seconds = row.costs.feature_seconds + row.costs.selection_seconds
            gain = 100 * row.difference.mean if row.difference else 0.0
            found.append(Point(row, max(seconds, LEAST_SECONDS), gain))
    return found


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points than which none is cheaper and at least as good, or better and as cheap; cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.seconds, -point.gain)):
        if not front or point.gain > front[-1].gain:
            front.append(point)
    return front


def cost_figure(board: Board, table: Table, *, dark: bool = False) -> go.Figure | None:
    """Cost against gain of one table; None where fewer than two rows have both."""
    points = cost_points(table)
    if len(points) < 2:
        return None
    made = figure(
        f"{label(board.track)}: what a selection costs and what it gains, budget {table.budget:,}",
        "features and selection (seconds, log scale)",
        "difference to random (points)",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    scale = Scale.of([point.row for point in points], ())
    _add_front(made, pareto_front(points), max(point.seconds for point in points))
    for level in in_order(point.row.level for point in points):
        _add_family(made, level, [point for point in points if point.row.level == level], scale)
    made.update_xaxes(type="log", dtick=1, exponentformat="none")
    made.update_yaxes(zeroline=True, range=[scale.low, scale.high])
    _name_points(made, points, scale)
    return made.update_layout(height=600, margin={"t": 132}, legend={"y": 1.02})


def _add_front(made: go.Figure, front: Sequence[Point], most: float) -> None:
    made.add_scatter(
        x=[*(point.seconds for point in front), 1.6 * most],
        y=[*(point.gain for point in front), front[-1].gain],
        mode="lines",
        line={"shape": "hv", "dash": "dash", "color": GREY, "width": 1.5},
        name="Pareto front",
        hoverinfo="skip",
    )


def _name_points(made: go.Figure, points: Sequence[Point], scale: Scale) -> None:
    front = pareto_front(points)
    places, short = [], []
    for point in points:
        inside = scale.holds(point.gain)
        beyond, half = "" if inside else f" {point.gain:+.1f}", _half(point) if inside else 0.0
        whisker = (scale.clipped(point.gain - half), scale.clipped(point.gain + half)) if half else None
        name = f"{point.row.spec}{beyond}"
        places.append(Place(point.seconds, scale.clipped(point.gain), name, point in front, whisker))
        rank = "" if point.row.rank is None else str(point.row.rank)
        short.append(Place(point.seconds, scale.clipped(point.gain), rank, point in front, whisker))
    drawn = labels_for(places, short, height=390, y_range=(scale.low, scale.high), log_x=True)
    made.update_layout(annotations=drawn)


def _half(point: Point) -> float:
    """Half the interval of a point's gain, in points; 0 where there is none."""
    apart = point.row.difference
    return 100 * apart.half_width if apart and apart.known else 0.0


def _add_family(made: go.Figure, level: str, own: Sequence[Point], scale: Scale) -> None:
    colour = colour_of(level)
    inside = [scale.holds(point.gain) for point in own]
    beyond = ["triangle-down" if point.gain < 0 else "triangle-up" for point in own]
    halves = [_half(point) if there else 0.0 for there, point in zip(inside, own, strict=True)]
    made.add_scatter(
        x=[point.seconds for point in own],
        y=[scale.clipped(point.gain) for point in own],
        error_y={"array": halves, "color": colour, "thickness": 1.2, "width": 0},
        mode="markers",
        marker={
            "symbol": [symbol_of(level) if there else arrow for there, arrow in zip(inside, beyond, strict=True)],
            "size": 11,
            "color": colour,
        },
        showlegend=False,
        customdata=[[label(point.row.spec), point.gain] for point in own],
        hovertemplate="<b>%{customdata[0]}</b><br>%{x:.3g} s<br>%{customdata[1]:+.2f} points to random<extra></extra>",
    )
    made.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": symbol_of(level), "size": 11, "color": colour},
        name=label(level),
    )
