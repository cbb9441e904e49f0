"""Rank intervals: between which ranks each row lies when seeds and items are drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import plotly.graph_objects as go

from suite.aggregate import Board, Row, Table
from suite.aggregate.wording import percent
from suite.figures.groups import rank_interval
from suite.figures.theme import colour_of, figure, in_order, label, symbol_of

ROW_HEIGHT = 27
HOW_TO_READ = (
    "A line reaches over 95 % of the ranks a row took when seeds and items were drawn anew; the marker is its rank in "
    "the table. Rows whose lines overlap much should not be told apart. On the right: how often a row came first."
)


def ranks_figure(board: Board, table: Table, *, dark: bool = False) -> go.Figure | None:
    """The rank intervals of one table; None where no row has one."""
    rows = [row for row in table.rows if row.rank is not None and rank_interval(row) is not None]
    if not rows:
        return None
    made = figure(
        f"{label(board.track)}: how sure the ranks are, budget {table.budget:,}",
        "rank (1 is best)",
        "strategy, best first",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    for level in in_order(row.level for row in rows):
        _add_family(made, level, rows)
    made.update_layout(annotations=list(_shares(rows)))
    made.update_xaxes(dtick=1 if len(rows) <= 20 else 5, range=[0.4, len(rows) + 0.6], zeroline=False)
    made.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[label(row.spec) for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    height = ROW_HEIGHT * len(rows)
    return made.update_layout(height=220 + height, margin={"r": 88, "t": 140, "b": 64}, legend={"y": 1 + 8 / height})


def _shares(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """How often each row came first, beside the plot."""
    for place, row in enumerate(rows):
        if row.p_best is not None:
            yield {
                "name": "value",
                "xref": "paper",
                "x": 1,
                "xanchor": "right",
                "xshift": 64,
                "y": place,
                "text": percent(row.p_best),
                "font": {"size": 12},
                "showarrow": False,
            }


def _add_family(made: go.Figure, level: str, rows: list[Row]) -> None:
    own = [(place, row, rank_interval(row)) for place, row in enumerate(rows) if row.level == level]
    colour = colour_of(level)
    ranks = [row.rank or 0 for _, row, _ in own]
    made.add_scatter(
        x=ranks,
        y=[place for place, _, _ in own],
        mode="markers",
        marker={"symbol": symbol_of(level), "size": 11, "color": colour},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [max(0, (ends or (0, 0))[1] - rank) for rank, (_, _, ends) in zip(ranks, own, strict=True)],
            "arrayminus": [max(0, rank - (ends or (0, 0))[0]) for rank, (_, _, ends) in zip(ranks, own, strict=True)],
            "color": colour,
            "thickness": 4,
            "width": 0,
        },
        name=label(level),
        customdata=[[label(row.spec), *(ends or (0, 0))] for _, row, ends in own],
        hovertemplate="<b>%{customdata[0]}</b><br>rank %{x}, 95 % between %{customdata[1]} and %{customdata[2]}"
        "<extra></extra>",
    )
