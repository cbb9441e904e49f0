"""Score against budget: a line with its band a strategy, random and the whole pool to hold them against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go

from suite.aggregate import Board, Row, Table
from suite.figures.scale import Scale
from suite.figures.theme import GREY, RIBBON, colour_of, figure, in_order, label, symbol_of
from suite.statistics.intervals import Estimate

HOW_TO_READ = (
    "Each line is a strategy over the budgets it was trained at, its band the 95 % interval of the score; grey is "
    "random, the dotted line the whole pool. Lines whose bands overlap may still differ: see the forest plot."
)
READ_SCORES = (
    "Each dot is a strategy's score, its whisker the 95 % interval; the grey band is that of random, the dotted line "
    "the whole pool; arrow: beyond the scale. Whether a strategy differs from random is tested on paired differences: "
    "see the forest plot."
)
BAND = 0.12
SCORE_HEIGHT = 24


def budget_figure(board: Board, *, dark: bool = False) -> go.Figure | None:
    """Score against budget for the base weights with the most budgets; None where none has two."""
    tables = comparable_tables(board)
    budgets = {table.budget for table in tables}
    if len(budgets) < 2:
        return None
    lines: dict[str, list[tuple[int, Row, Estimate]]] = defaultdict(list)
    whole: list[float] = []
    for table in tables:
        for row in table.rows:
            if row.score is None or not row.complete:
                continue
            if row.spec == "full":
                whole.append(100 * row.score.mean)
            elif not row.reference:
                lines[row.spec].append((table.budget, row, row.score))
    made = figure(
        f"{label(board.track)}: score against budget, {label(tables[0].base_model)}",
        "budget (samples)",
        "score (points)",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    if whole:
        made.add_hline(y=sum(whole) / len(whole), line={"dash": "dot", "color": GREY, "width": 1.5})
        made.add_annotation(
            xref="paper",
            x=0,
            y=sum(whole) / len(whole),
            yanchor="bottom",
            xanchor="left",
            text="whole pool",
            font={"size": 12, "color": GREY},
            showarrow=False,
        )
    for spec, points in lines.items():
        _add_line(made, spec, points)
    made.update_xaxes(type="log", tickvals=sorted(budgets), ticktext=[f"{budget:,}" for budget in sorted(budgets)])
    return made.update_layout(height=560, margin={"t": 150})


def comparable_tables(board: Board) -> list[Table]:
    """The tables of the base weights and engine with the most budgets, smallest budget first."""
    by_weights: dict[tuple[str, str, str], list[Table]] = defaultdict(list)
    for table in board.tables:
        by_weights[table.base_model, table.base_weights, table.engine].append(table)
    found: list[Table] = max(by_weights.values(), key=len, default=[])
    return sorted(found, key=lambda table: table.budget)


def scores_figure(board: Board, table: Table, *, dark: bool = False) -> go.Figure | None:
    """The scores of one budget, where there is no other to draw a line to; None where no row has one."""
    rows = [row for row in table.rows if row.complete and row.score is not None and not row.reference]
    if not rows:
        return None
    made = figure(
        f"{label(board.track)}: score at the one budget there is, {table.budget:,} samples, {label(table.base_model)}",
        "score (points)",
        "strategy, best first",
        subtitle=READ_SCORES,
        dark=dark,
    )
    marks: list[float] = []
    # One name above the other: where there is little room the lines stand close together.
    for spec, name, dash, rise in (("random", "random", "dash", 0), ("full", "whole pool", "dot", 15)):
        held = next((row.score for row in table.rows if row.spec == spec and row.complete and row.score), None)
        if held is None:
            continue
        marks.append(100 * held.mean)
        if spec == "random" and held.known:
            marks += (100 * held.low, 100 * held.high)
            made.add_vrect(x0=100 * held.low, x1=100 * held.high, fillcolor=RIBBON, line_width=0, layer="below")
        made.add_vline(x=100 * held.mean, line={"dash": dash, "color": GREY, "width": 1.5})
        made.add_annotation(
            x=100 * held.mean,
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=rise,
            text=name,
            font={"size": 12, "color": GREY},
            showarrow=False,
        )
    scale = Scale.of_scores([row.score for row in rows if row.score is not None], marks)
    for level in in_order(row.level for row in rows):
        _add_scores(made, level, [(place, row) for place, row in enumerate(rows) if row.level == level], scale)
    made.update_layout(annotations=[*made.layout.annotations, *_beyond(rows, scale)])
    made.update_xaxes(range=[scale.low, scale.high])
    made.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[label(row.spec) for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    return made.update_layout(
        height=214 + SCORE_HEIGHT * len(rows), margin={"t": 146}, legend={"y": 1 + 36 / (SCORE_HEIGHT * len(rows))}
    )


def _beyond(rows: list[Row], scale: Scale) -> Iterator[dict[str, Any]]:
    """The number beside every arrow, which stands for a score beyond the axis."""
    for place, row in enumerate(rows):
        if row.score is not None and not scale.holds(100 * row.score.mean):
            low = 100 * row.score.mean < scale.low
            half = f" ± {100 * row.score.half_width:.1f}" if row.score.known else ""
            yield {
                "x": scale.clipped(100 * row.score.mean),
                "y": place,
                "xanchor": "left" if low else "right",
                "xshift": 10 if low else -10,
                "text": f"{100 * row.score.mean:.1f}{half}",
                "font": {"size": 12},
                "showarrow": False,
            }


def _add_scores(made: go.Figure, level: str, own: list[tuple[int, Row]], scale: Scale) -> None:
    colour = colour_of(level)
    scores = [row.score for _, row in own if row.score is not None]
    means = [100 * score.mean for score in scores]
    inside = [scale.holds(mean) for mean in means]
    arrows = ["triangle-left" if mean < scale.low else "triangle-right" for mean in means]
    halves = [100 * one.half_width if there and one.known else 0 for there, one in zip(inside, scores, strict=True)]
    made.add_scatter(
        x=[scale.clipped(mean) for mean in means],
        y=[place for place, _ in own],
        mode="markers",
        marker={
            "symbol": [symbol_of(level) if there else arrow for there, arrow in zip(inside, arrows, strict=True)],
            "size": 10,
            "color": colour,
        },
        error_x={"array": halves, "color": colour, "thickness": 2, "width": 0},
        showlegend=False,
        customdata=[[label(row.spec), mean] for (_, row), mean in zip(own, means, strict=True)],
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:.1f} points<extra></extra>",
    )
    # A legend entry takes the marker of the first point, which may be an arrow.
    made.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": symbol_of(level), "size": 10, "color": colour},
        name=label(level),
    )


def _add_line(made: go.Figure, spec: str, points: list[tuple[int, Row, Estimate]]) -> None:
    level = points[0][1].level
    colour = colour_of(level)
    budgets = [budget for budget, _, _ in points]
    known = [(budget, score) for budget, _, score in points if score.known]
    if len(known) > 1:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        made.add_scatter(
            x=[*(budget for budget, _ in known), *(budget for budget, _ in reversed(known))],
            y=[*(100 * score.high for _, score in known), *(100 * score.low for _, score in reversed(known))],
            fill="toself",
            fillcolor=f"rgba({red}, {green}, {blue}, {BAND})",
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=label(spec),
            showlegend=False,
        )
    made.add_scatter(
        x=budgets,
        y=[100 * score.mean for _, _, score in points],
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": "dash" if spec == "random" else "solid"},
        marker={"symbol": symbol_of(level), "size": 9, "color": colour},
        name=label(spec),
        legendgroup=label(spec),
        hovertemplate=f"<b>{label(spec)}</b><br>%{{x:,}} samples<br>%{{y:.1f}} points<extra></extra>",
    )
