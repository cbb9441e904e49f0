"""Score against budget: a line with its band a strategy, random and the whole pool to hold them against."""

from __future__ import annotations

from collections import defaultdict

import plotly.graph_objects as go

from suite.aggregate import Board, Row
from suite.figures.theme import GREY, colour_of, figure, label, symbol_of
from suite.statistics.intervals import Estimate

HOW_TO_READ = (
    "Each line is a strategy over the budgets it was trained at, its band the 95 % interval of the score; grey is "
    "random, the dotted line the whole pool. Lines whose bands overlap may still differ: see the forest plot."
)
BAND = 0.12


def budget_figure(board: Board, *, dark: bool = False) -> go.Figure | None:
    """Score against budget for the base weights with the most budgets; None where none has two."""
    by_weights = defaultdict(list)
    for table in board.tables:
        by_weights[table.base_model, table.base_weights].append(table)
    tables = max(by_weights.values(), key=len, default=[])
    budgets = {table.budget for table in tables}
    if len(budgets) < 2:
        return None
    lines: dict[str, list[tuple[int, Row, Estimate]]] = defaultdict(list)
    whole: list[float] = []
    for table in sorted(tables, key=lambda table: table.budget):
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
