"""The map of a pool: its samples as a faint density, the picks of two strategies as points on it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from suite.figures.theme import OKABE_ITO, colour_of, figure, label

if TYPE_CHECKING:
    from suite.studies.overlap import OverlapOutcome, OverlapTable
    from suite.studies.pool_map import MapGroup, PickMap, PoolDensity

SIDE = 620
FAINT = [[0.0, "rgba(138, 138, 138, 0)"], [1.0, "rgba(138, 138, 138, 0.62)"]]
MOST_POINTS_LARGE = 2_000
"""Picks up to which a point is drawn large."""


def map_figure(outcome: OverlapOutcome, table: OverlapTable, picks: PickMap, *, dark: bool = False) -> go.Figure:
    """The picks of two strategies (first draw each) on the pool. ValueError for an outcome without a map."""
    if outcome.pool_map is None:
        raise ValueError("this outcome was made without a map of the pool")
    pool = outcome.pool_map
    first, second = pool.explained
    pair = table.pair(picks.first, picks.second)
    made = figure(
        f"{label(outcome.track)}: where {label(picks.first)} and {label(picks.second)} pick, budget {table.budget:,}",
        f"first principal component of the embeddings ({100 * first:.1f} % of the variance)",
        f"second principal component ({100 * second:.1f} %)",
        subtitle=(
            f"Grey: the {outcome.pool_size:,} samples of the pool (log scale). Points: picks, {len(picks.both):,} of "
            f"them by both, where unrelated draws would share {pair.expected:.1f}."
        ),
        dark=dark,
    )
    _add_pool(made, pool)
    one, other = _colours(picks)
    count = len(picks.only_first) + len(picks.only_second)
    size = 6 if count <= MOST_POINTS_LARGE else 4
    _add_picks(made, picks.only_first, f"{label(picks.first)} alone", one, "circle", size)
    _add_picks(made, picks.only_second, f"{label(picks.second)} alone", other, "diamond", size)
    ink = "#FFFFFF" if dark else OKABE_ITO["black"]
    _add_picks(made, picks.both, "both", ink, "circle", size + 1)
    # Units of a principal component say nothing; one unit must be as long on either axis.
    made.update_xaxes(zeroline=False, showgrid=False, showticklabels=False)
    made.update_yaxes(zeroline=False, showgrid=False, showticklabels=False, scaleanchor="x")
    return made.update_layout(width=900, height=SIDE + 140, margin={"t": 132}, legend={"itemsizing": "constant"})


def _add_pool(made: go.Figure, pool: PoolDensity) -> None:
    counts = np.asarray(pool.counts, dtype=float)
    made.add_heatmap(
        z=np.where(counts > 0, np.log10(np.maximum(counts, 1)) + 0.15, np.nan),
        x=_middles(pool.x_edges),
        y=_middles(pool.y_edges),
        customdata=counts,
        hovertemplate="%{customdata:,} samples here<extra></extra>",
        hoverongaps=False,
        colorscale=FAINT,
        zmin=0.0,
        showscale=False,
    )


def _add_picks(made: go.Figure, group: MapGroup, name: str, colour: str, symbol: str, size: int) -> None:
    if not len(group):
        return
    made.add_scatter(
        x=group.x,
        y=group.y,
        mode="markers",
        marker={
            "color": colour,
            "symbol": symbol,
            "size": size,
            "opacity": 0.85,
            "line": {"width": 0.4, "color": "rgba(255, 255, 255, 0.8)"},
        },
        name=f"{name} ({len(group):,})",
        hovertemplate=f"{name}<extra></extra>",
    )


def _colours(picks: PickMap) -> tuple[str, str]:
    """The families' colours; two of one family, and greys, which the pool is drawn in, must be told apart otherwise."""
    one, other = colour_of(picks.first_level), colour_of(picks.second_level)
    if one == other or "baseline" in (picks.first_level, picks.second_level):
        return OKABE_ITO["blue"], OKABE_ITO["vermilion"]
    return one, other


def _middles(edges: tuple[float, ...]) -> list[float]:
    return [(low + high) / 2 for low, high in pairwise(edges)]
