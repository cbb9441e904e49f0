"""The overlap heat map: how many times as many rows two strategies share as unrelated draws would."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from suite.figures.theme import DIVERGING, figure, label
from suite.statistics.set_overlap import expected_jaccard

if TYPE_CHECKING:
    from suite.studies.overlap import Drawn, OverlapOutcome, OverlapTable

LEAST_CELL, LARGEST_CELL, MATRIX = 32, 54, 560
"""Pixels of a cell's side: as large as a matrix of `MATRIX` pixels allows, within bounds."""
LETTER = 7.2
"""Pixels a letter of a name takes, about."""
ANGLE = 40
RISE, RUN = math.sin(math.radians(ANGLE)), math.cos(math.radians(ANGLE))
"""How far up and right a slanted name reaches, as shares of its length."""
TOP, SCALE = 118, 78
"""Room for the title above, and for the colour scale below."""
LEAST_WIDTH = 900
REACH = 4.0
"""The ends of the colour scale, in doublings: 16 times chance, and a sixteenth of it."""
TICKS = {-4: "1/16", -3: "1/8", -2: "1/4", -1: "1/2", 0: "1", 1: "2", 2: "4", 3: "8", 4: "16"}
OWN = "rgba(138, 138, 138, 0.14)"


def overlap_figure(outcome: OverlapOutcome, table: OverlapTable, *, dark: bool = False) -> go.Figure:
    """The heat map of one budget; strategies that pick alike stand together (hierarchical clustering)."""
    shown = [table.strategies[place] for place in alike_order(table)]
    size, names = len(shown), [label(one.spec) for one in shown]
    cell = int(np.clip(MATRIX / size, LEAST_CELL, LARGEST_CELL))
    chance = 100 * expected_jaccard(outcome.pool_size, table.budget, table.budget)
    made = figure(
        f"{label(outcome.track)}: which strategies pick the same samples, budget {table.budget:,}",
        "strategy",
        "strategy",
        subtitle=(
            "Numbers: Jaccard index of what two strategies pick, in per cent, mean over their draws (unrelated draws: "
            f"{chance:.2f}); bold where told apart from chance (Holm-adjusted p below 0.05). Colour: samples in common "
            "over what unrelated draws share. Diagonal: two draws of one strategy."
        ),
        dark=dark,
    )
    _add_pairs(made, table, shown)
    _add_own(made, shown)
    for place, name in enumerate(names):
        # A column's name stands where the column begins, over the empty half of the matrix.
        made.add_annotation(
            x=place,
            y=place,
            text=name,
            textangle=-ANGLE,
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=-2,
            yshift=cell / 2,
            font={"size": 12},
        )
    lengths = LETTER * np.array([len(one.spec) for one in shown])
    places = cell * np.arange(size)
    left, top = 28 + lengths.max(), TOP + (RISE * lengths - places).max()
    right = max(24.0, (RUN * lengths + places).max() - cell * (size - 1))
    made.update_xaxes(visible=False, range=[-0.5, size - 0.5])
    made.update_yaxes(
        tickvals=list(range(size)),
        ticktext=names,
        range=[size - 0.5, -0.5],
        title={"text": ""},
        showgrid=False,
        zeroline=False,
        automargin=False,
    )
    width = max(LEAST_WIDTH, left + cell * size + right)
    return made.update_layout(
        width=width,
        height=top + cell * size + SCALE,
        margin={"l": left, "r": width - left - cell * size, "t": top, "b": SCALE},
    )


def _add_pairs(made: go.Figure, table: OverlapTable, shown: list[Drawn]) -> None:
    size = len(shown)
    values, texts, hovers = np.full((size, size), np.nan), np.full((size, size), ""), np.full((size, size), "")
    texts, hovers = texts.astype(object), hovers.astype(object)
    for row, one in enumerate(shown):
        for column, other in enumerate(shown[:row]):
            values[row, column], texts[row, column] = _cell(table, one, other)
            hovers[row, column] = _hover(table, one, other)
    made.add_heatmap(
        z=[[None if np.isnan(value) else value for value in line] for line in values.tolist()],
        text=texts.tolist(),
        texttemplate="%{text}",
        textfont={"size": 11},
        customdata=hovers.tolist(),
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        colorscale=DIVERGING,
        zmin=-REACH,
        zmax=REACH,
        xgap=2,
        ygap=2,
        colorbar={
            "orientation": "h",
            "title": {"text": "samples in common, as a multiple of chance", "side": "bottom", "font": {"size": 12}},
            "tickvals": list(TICKS),
            "ticktext": list(TICKS.values()),
            "tickfont": {"size": 11},
            "tickangle": 0,
            "thickness": 10,
            "outlinewidth": 0,
            "lenmode": "pixels",
            "len": 400,
            "xanchor": "left",
            "x": 0,
            "xpad": 0,
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
        },
    )


def _add_own(made: go.Figure, shown: list[Drawn]) -> None:
    """The diagonal: how far a strategy agrees with itself from draw to draw."""
    size = len(shown)
    cells: list[list[float | None]] = [
        [0.0 if row == column else None for column in range(size)] for row in range(size)
    ]
    own = ["-" if one.own_jaccard is None else _percent(one.own_jaccard) for one in shown]
    made.add_heatmap(
        z=cells,
        text=[[own[row] if row == column else "" for column in range(size)] for row in range(size)],
        texttemplate="%{text}",
        textfont={"size": 11, "color": "#8A8A8A"},
        customdata=[[_hover_own(one)] * size for one in shown],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        colorscale=[[0.0, OWN], [1.0, OWN]],
        showscale=False,
        xgap=2,
        ygap=2,
    )


def alike_order(table: OverlapTable) -> list[int]:
    """Places of the table's strategies so that those that pick alike are neighbours: average linkage, best leaf order.

    The distance of two strategies falls with the logarithm of their samples in common over chance, so that a
    selection of few rows is not far from all others for its size alone. Deterministic.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    specs = [one.spec for one in table.strategies]
    if len(specs) < 3:
        return list(range(len(specs)))
    alike = [_doublings(table, one, other) for at, one in enumerate(specs) for other in specs[at + 1 :]]
    distances = 2 * REACH - np.array(alike)
    tree = optimal_leaf_ordering(linkage(distances, "average"), distances)
    return [int(place) for place in leaves_list(tree)]


def _doublings(table: OverlapTable, one: str, other: str) -> float:
    """log2 of the samples in common over chance, ended where the colour scale ends."""
    times = table.pair(one, other).times_chance
    return float(np.clip(np.log2(times), -REACH, REACH)) if times > 0 else -REACH


def _cell(table: OverlapTable, one: Drawn, other: Drawn) -> tuple[float, str]:
    pair = table.pair(one.spec, other.spec)
    text = _percent(pair.jaccard)
    return _doublings(table, one.spec, other.spec), f"<b>{text}</b>" if pair.beyond_chance else text


def _percent(jaccard: float) -> str:
    return f"{100 * jaccard:.1f}" if jaccard < 0.0995 else f"{100 * jaccard:.0f}"


def _hover(table: OverlapTable, one: Drawn, other: Drawn) -> str:
    pair = table.pair(one.spec, other.spec)
    p = "" if pair.p_holm is None else f"<br>p (Holm) {pair.p_holm:.3g}"
    return (
        f"<b>{label(one.spec)}</b><br><b>{label(other.spec)}</b><br>{pair.shared:.1f} samples in common, "
        f"{pair.expected:.1f} by chance<br>Jaccard {100 * pair.jaccard:.2f} %, {100 * pair.chance_jaccard:.2f} % by "
        f"chance{p}"
    )


def _hover_own(one: Drawn) -> str:
    draws = "1 draw" if one.draws == 1 else f"{one.draws} draws"
    return f"<b>{label(one.spec)}</b><br>{draws} of {one.rows:,} different samples"
