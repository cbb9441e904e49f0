"""The overlap heat map: how many times as many rows two strategies share as unrelated draws would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from suite.figures.theme import DIVERGING, colour_of, figure, label
from suite.statistics.set_overlap import expected_jaccard

if TYPE_CHECKING:
    from suite.studies.overlap import Drawn, OverlapOutcome, OverlapTable

CELL = 40
REACH = 4.0
"""The ends of the colour scale, in doublings: 16 times chance, and a sixteenth of it."""
TICKS = {-4: "1/16", -2: "1/4", 0: "chance", 2: "4x", 4: "16x"}


def overlap_figure(outcome: OverlapOutcome, table: OverlapTable, *, dark: bool = False) -> go.Figure:
    """The heat map of one budget; strategies that pick alike stand together (hierarchical clustering)."""
    order = alike_order(table)
    shown = [table.strategies[place] for place in order]
    size = len(shown)
    values, texts, hovers = np.full((size, size), np.nan), np.full((size, size), "", dtype=object), []
    for row, one in enumerate(shown):
        hovers.append([_hover(table, one, other) for other in shown])
        for column in range(row + 1):
            values[row, column], texts[row, column] = _cell(table, one, shown[column])
    chance = 100 * expected_jaccard(outcome.pool_size, table.budget, table.budget)
    made = figure(
        f"{label(outcome.track)}: which strategies pick the same samples, budget {table.budget:,}",
        "strategy",
        "strategy",
        subtitle=(
            f"Numbers: Jaccard index of two selections in per cent, mean over draws (unrelated draws: {chance:.2f}). "
            "Bold: told apart from chance (Holm-adjusted p below 0.05).<br>Colour: samples in common over what unrelated "
            "draws share. Grey numbers on the diagonal: two draws of the strategy itself."
        ),
        dark=dark,
    )
    names = [label(one.spec) for one in shown]
    places = list(range(size))
    made.add_heatmap(
        z=values,
        x=places,
        y=places,
        text=texts,
        texttemplate="%{text}",
        textfont={"size": 11},
        customdata=hovers,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        colorscale=DIVERGING,
        zmin=-REACH,
        zmax=REACH,
        xgap=2,
        ygap=2,
        colorbar={
            "title": {"text": "samples in common", "side": "right", "font": {"size": 12}},
            "tickvals": list(TICKS),
            "ticktext": list(TICKS.values()),
            "thickness": 12,
            "outlinewidth": 0,
            "len": min(1.0, 240 / (CELL * size)),
            "y": 1,
            "yanchor": "top",
            "x": 0.9,
            "xanchor": "left",
        },
    )
    axis = {"tickvals": places, "ticktext": names, "showgrid": False, "zeroline": False, "title": {"text": ""}}
    made.update_xaxes(**axis, tickangle=-45)
    made.update_yaxes(**axis, autorange="reversed", scaleanchor="x", constrain="domain")
    return made.update_layout(height=240 + CELL * size + 90, width=420 + CELL * size, margin={"t": 120, "r": 40})


def alike_order(table: OverlapTable) -> list[int]:
    """Places of the table's strategies so that those that pick alike are neighbours: average linkage, best leaf order.

    The distance of two strategies is one less the square root of their Jaccard index, which spreads the small ones.
    Deterministic.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    specs = [one.spec for one in table.strategies]
    if len(specs) < 3:
        return list(range(len(specs)))
    distances = np.array(
        [1 - np.sqrt(table.pair(one, other).jaccard) for at, one in enumerate(specs) for other in specs[at + 1 :]]
    )
    tree = optimal_leaf_ordering(linkage(distances, "average"), distances)
    return [int(place) for place in leaves_list(tree)]


def _cell(table: OverlapTable, one: Drawn, other: Drawn) -> tuple[float, str]:
    if one.spec == other.spec:
        return np.nan, ""
    pair = table.pair(one.spec, other.spec)
    doublings = np.log2(pair.times_chance) if pair.shared else -REACH
    text = _percent(pair.jaccard)
    return float(np.clip(doublings, -REACH, REACH)), f"<b>{text}</b>" if pair.beyond_chance else text


def _percent(jaccard: float) -> str:
    return f"{100 * jaccard:.1f}" if jaccard < 0.0995 else f"{100 * jaccard:.0f}"


def _hover(table: OverlapTable, one: Drawn, other: Drawn) -> str:
    if one.spec == other.spec:
        return label(one.spec)
    pair = table.pair(one.spec, other.spec)
    p = "" if pair.p_holm is None else f"<br>p (Holm) {pair.p_holm:.3g}"
    return (
        f"<b>{label(one.spec)}</b><br><b>{label(other.spec)}</b><br>{pair.shared:.1f} samples in common, "
        f"{pair.expected:.1f} by chance<br>Jaccard {100 * pair.jaccard:.2f} %, {100 * pair.chance_jaccard:.2f} % by "
        f"chance{p}"
    )
