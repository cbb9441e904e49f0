"""The heat map of strategy x task: where a row gains on random and where it loses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from suite.aggregate import Board, Row, Table, TaskStanding
from suite.figures.theme import DIVERGING, GREY, figure, label

ROW_HEIGHT = 26
HOW_TO_READ = (
    "Each cell is a row's difference to random on one task, in points of that task's normalised score: blue is better, "
    "vermilion worse. Colours end where nine in ten cells of ranked rows do. Tasks in brackets do not enter the score."
)


def gain_on(row: Row, random: Row, task: TaskStanding) -> float:
    """A row's difference to random on a task, normalised as in the score (1 = perfect or full); nan where unknown."""
    mine, other = row.tasks.get(task.name), random.tasks.get(task.name)
    if mine is None or other is None:
        return float("nan")
    if task.unit == "accuracy":
        return (mine - other) / (1 - task.chance)
    if task.untuned is None or task.full is None or task.untuned == task.full:
        return float("nan")
    return (other - mine) / (task.untuned - task.full)


def tasks_figure(board: Board, table: Table, *, dark: bool = False) -> go.Figure | None:
    """The heat map of one table; None without a row of random to compare with."""
    random = next((row for row in table.rows if row.verdict == "baseline" or row.spec == "random"), None)
    rows = [row for row in table.rows if row.complete and row is not random]
    if random is None or not rows or not table.tasks:
        return None
    gains = np.array([[100 * gain_on(row, random, task) for task in table.tasks] for row in rows])
    made = figure(
        f"{label(board.track)}: difference to random, task by task, budget {table.budget:,}",
        "task",
        "strategy, best first",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    reach = _reach(gains, rows)
    shown = [[gain if np.isfinite(gain) else None for gain in line] for line in gains.tolist()]
    made.add_heatmap(
        z=shown,
        x=list(range(len(table.tasks))),
        y=list(range(len(rows))),
        zmin=-reach,
        zmax=reach,
        zmid=0,
        colorscale=DIVERGING,
        xgap=2,
        ygap=2,
        text=[[_written(gain) for gain in line] for line in gains],
        customdata=[[f"{label(row.spec)} on {label(task.name)}" for task in table.tasks] for row in rows],
        texttemplate="%{text}",
        textfont={"size": 11},
        hovertemplate="%{customdata}<br>%{z:+.2f} points to random<extra></extra>",
        colorbar={
            "title": {"text": "points", "side": "top", "font": {"size": 12}},
            "thickness": 10,
            "outlinewidth": 0,
            "len": 0.8,
        },
    )
    made.update_xaxes(
        tickvals=list(range(len(table.tasks))),
        ticktext=[_task(task) for task in table.tasks],
        tickangle=-40,
        showgrid=False,
        zeroline=False,
    )
    made.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_name(row) for row in rows],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
    )
    return made.update_layout(height=276 + ROW_HEIGHT * len(rows), margin={"t": 88})


def _reach(gains: np.ndarray, rows: Sequence[Row]) -> float:
    """The end of the colour scale: references lie so far out that they would leave all others pale."""
    own = gains[[not row.reference for row in rows]]
    finite = np.abs(own[np.isfinite(own)])
    return max(1.0, float(np.quantile(finite, 0.9))) if finite.size else 1.0


def _written(gain: float) -> str:
    if not np.isfinite(gain):
        return "-"
    # Rounding must not leave a sign on nothing.
    return f"{gain:+.1f}" if abs(gain) >= 0.05 else "0.0"


def _task(task: TaskStanding) -> str:
    return label(task.name) if task.enters else f'<span style="color:{GREY}">({label(task.name)})</span>'


def _name(row: Row) -> str:
    return f'<span style="color:{GREY}">{label(row.spec)}</span>' if row.reference else label(row.spec)
