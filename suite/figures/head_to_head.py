"""Two rows against each other: a dot and a whisker for their paired difference, overall and on each task."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from suite.aggregate.head_to_head import HeadToHead, TaskApart
from suite.figures.theme import GREY, OKABE_ITO, figure, label
from suite.statistics.intervals import Estimate

ROW_HEIGHT, FRAME_HEIGHT = 30, 236
LONGEST_NAME = 30
HOW_TO_READ = (
    "Right of the line the first is better. Dot and whisker: paired difference with its 95 % interval; small dots: "
    "single training seeds; grey, in brackets: tasks that do not enter the score; arrow: beyond the scale."
)
REACH = 2.5
"""How far beyond the widest whisker of the score's own rows the axis may go for tasks that do not enter it."""


def head_to_head_figure(track: str, found: HeadToHead, *, dark: bool = False) -> go.Figure | None:
    """The figure of a comparison; None where nothing could be compared."""
    tasks = [task for task in found.tasks if task.difference]
    if found.overall is None and not tasks:
        return None
    first, second = _short(found.first), _short(found.second)
    made = figure(
        f"{label(track)}: {first} against {second}",
        f"← {second} ahead&#160;&#160;&#160;difference (points)&#160;&#160;&#160;{first} ahead →",
        "task",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    low, high = _ends(found, tasks)
    overall = [(found.overall, found.by_seed)] if found.overall else []
    own = [(task.difference, task.by_seed) for task in tasks if task.task.enters and task.difference]
    others = [(task.difference, task.by_seed) for task in tasks if not task.task.enters and task.difference]
    ordered = sorted(tasks, key=lambda task: not task.task.enters)
    names = ["<b>all tasks of the score</b>"] * len(overall) + [_name(task) for task in ordered]
    start = 0
    for marks, colour, size in ((overall, OKABE_ITO["vermilion"], 13), (own, OKABE_ITO["blue"], 11), (others, GREY, 9)):
        if marks:
            _add(made, names[start : start + len(marks)], marks, start, (low, high), (colour, size))
        start += len(marks)
    if overall and tasks:
        made.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"})
    made.update_xaxes(range=[low, high], zeroline=True, zerolinewidth=1.5)
    made.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        title={"text": ""},
    )
    return made.update_layout(height=FRAME_HEIGHT + ROW_HEIGHT * len(names), margin={"t": 112}, showlegend=False)


def _short(name: str) -> str:
    return label(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def _name(task: TaskApart) -> str:
    name = label(task.task.name)
    return name if task.task.enters else f'<span style="color:{GREY}">({name})</span>'


def _spread(difference: Estimate | None, by_seed: Sequence[float]) -> list[float]:
    if difference is None:
        return []
    whisker = [difference.low, difference.high] if difference.known else []
    return [100 * value for value in (difference.mean, *whisker, *by_seed)]


def _ends(found: HeadToHead, tasks: Sequence[TaskApart]) -> tuple[float, float]:
    """The axis: whatever enters the score, and others as far as they do not stretch it out of proportion."""
    inner = [0.0, *_spread(found.overall, found.by_seed)]
    for task in tasks:
        if task.task.enters:
            inner += _spread(task.difference, task.by_seed)
    outer = [value for task in tasks for value in _spread(task.difference, task.by_seed)]
    if len(inner) == 1:
        inner += outer
    reach = REACH * max(max(inner), -min(inner), 1.0)
    low = min([*inner, *(value for value in outer if value >= -reach)])
    high = max([*inner, *(value for value in outer if value <= reach)])
    room = 0.04 * max(high - low, 1.0)
    return low - room, high + room


def _add(
    made: go.Figure,
    names: Sequence[str],
    marks: Sequence[tuple[Estimate, Sequence[float]]],
    start: int,
    ends: tuple[float, float],
    looks: tuple[str, int],
) -> None:
    low, high = ends
    edge = 0.02 * (high - low)
    colour, size = looks
    means = [100 * estimate.mean for estimate, _ in marks]
    inside = [low <= mean <= high for mean in means]
    singles = [
        (100 * value, start + at)
        for at, (_, by_seed) in enumerate(marks)
        for value in by_seed
        if low <= 100 * value <= high
    ]
    made.add_scatter(
        x=[x for x, _ in singles],
        y=[y + 0.24 for _, y in singles],
        mode="markers",
        marker={"size": 5, "color": colour, "opacity": 0.55},
        hovertemplate="one seed: %{x:+.2f} points<extra></extra>",
    )
    made.add_scatter(
        x=[min(max(mean, low + edge), high - edge) for mean in means],
        y=[start + at for at in range(len(marks))],
        mode="markers",
        marker={
            "size": size,
            "color": colour,
            "symbol": [
                "circle" if there else "triangle-left" if mean < 0 else "triangle-right"
                for there, mean in zip(inside, means, strict=True)
            ],
        },
        error_x={
            "array": [
                100 * estimate.half_width if there and estimate.known else 0
                for there, (estimate, _) in zip(inside, marks, strict=True)
            ],
            "color": colour,
            "thickness": 2.2,
            "width": 0,
        },
        customdata=[[name, _told(estimate)] for name, (estimate, _) in zip(names, marks, strict=True)],
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
    )


def _told(estimate: Estimate) -> str:
    mean = f"{100 * estimate.mean:+.2f} points"
    if not estimate.known:
        return f"{mean}<br>{label(estimate.note)}"
    return f"{mean}<br>95 % interval {100 * estimate.low:+.2f} to {100 * estimate.high:+.2f}<br>p {estimate.p:.3g}"
