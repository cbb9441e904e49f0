"""The loss of one fine-tune over its steps."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from suite.figures.theme import OKABE_ITO, figure

HOW_TO_READ = "Mean loss of the trained tokens since the last point; a curve that still falls was stopped early."


def training_figure(curve: Sequence[tuple[int, float]], *, dark: bool = False) -> go.Figure | None:
    """Loss against step; None where fewer than two points were recorded."""
    if len(curve) < 2:
        return None
    made = figure("Training loss", "step", "loss (nats per trained token)", subtitle=HOW_TO_READ, dark=dark)
    made.add_scatter(
        x=[step for step, _ in curve],
        y=[loss for _, loss in curve],
        mode="lines",
        line={"color": OKABE_ITO["blue"], "width": 2},
        hovertemplate="step %{x:,}: %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    made.update_yaxes(rangemode="tozero")
    return made.update_layout(height=360, margin={"t": 74})
