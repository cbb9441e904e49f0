"""The ladder as small multiples: a panel a strategy, score against level, its line and 1-sigma band, chance behind."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from suite.figures.theme import GREY, RIBBON, colour_of, figure, head_panel, label, symbol_of

if TYPE_CHECKING:
    from suite.studies.ladder_table import KeptEstimate, LadderStrategy, LadderTable

COLUMNS = 3
PANEL = (330, 250)
"""Width and height of a panel in pixels."""
LEVEL_ORDER = ("macro", "meso", "micro")
JITTER = 0.012
"""How far the seeds of a level stand apart, so that equal scores can be counted."""
EDGES = (-0.06, 1.10)
ROOM = 0.4
"""Room above and below single scores, as a share of their range; whiskers that need more are cut."""
KEY = "#5C5F66"
"""The colour of the legend's marks: it explains shapes, which every strategy draws in its family's own colour."""

Place = dict[str, int]


def ladder_figure(table: LadderTable) -> go.Figure:
    """The figure of a ladder; scores in points, 0 chance (or untuned), 100 perfect (or the whole pool)."""
    panels = _panels(table)
    columns, rows = _grid(len(panels))
    drawn = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes="all",
        horizontal_spacing=0.035,
        vertical_spacing=0.21 if rows > 1 else 0,
    )
    for number, (own, again) in enumerate(panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        _chance(drawn, table, place)
        for strategy in (own, again):
            if strategy is not None:
                _line(drawn, strategy, place)
                _marks(drawn, strategy, place)
        _heading(drawn, own, again, place)
    _legend(drawn, table, any(again for _, again in panels))
    drawn.update_layout(_framed(table), height=ladder_size(table)[1])
    drawn.update_xaxes(
        range=EDGES, tickvals=[0, 0.25, 0.5, 0.75, 1], zeroline=False, title={"text": "level of diversity p"}
    )
    drawn.update_yaxes(zeroline=False, range=_span(table))
    drawn.update_yaxes(title={"text": "score (points)"}, col=1)
    return drawn


def ladder_size(table: LadderTable) -> tuple[int, int]:
    """Width and height of the PNG in pixels."""
    columns, rows = _grid(len(_panels(table)))
    told = len(_told(table, columns)) * 18
    return max(560, PANEL[0] * columns + 60), (PANEL[1] + 76) * rows + 130 + told


def _grid(panels: int) -> tuple[int, int]:
    columns = max(1, min(COLUMNS, panels))
    return columns, max(1, -(-panels // columns))


def _panels(table: LadderTable) -> list[tuple[LadderStrategy, LadderStrategy | None]]:
    """Each strategy with its length-controlled repeat, instructions before responses, macro before micro."""
    plain = [one for one in table.strategies if not one.controlled]
    again = [one for one in table.strategies if one.controlled]
    paired = [(own, again[at] if at < len(again) else None) for at, own in enumerate(plain)]

    def place(pair: tuple[LadderStrategy, LadderStrategy | None]) -> tuple[bool, int, str]:
        known = LEVEL_ORDER.index(pair[0].family) if pair[0].family in LEVEL_ORDER else len(LEVEL_ORDER)
        return pair[0].name.endswith("-response"), known, pair[0].spec

    return sorted(paired, key=place)


def _told(table: LadderTable, columns: int) -> list[str]:
    """What stands under the title, in lines that fit the figure."""
    said = []
    if table.reduced:
        said.append(f"Reduced: {'; '.join(table.reduced)}.")
    if table.incomplete:
        said.append(f"Incomplete: {len(table.incomplete)} cells have no result.")
    said.append(
        "Score of each fine-tune, and means with 95 % intervals over seeds and items (cut at the panel's edge)."
    )
    width = max(60, 58 * columns)
    return [line for text in said for line in textwrap.wrap(text, width)]


def _framed(table: LadderTable) -> go.Layout:
    columns, _ = _grid(len(_panels(table)))
    told = _told(table, columns)
    title = f"Score against the level of diversity: {label(table.track)}, budget {table.budget:,}"
    frame = figure(title, "level of diversity p", "score (points)", subtitle=told).layout
    return go.Layout(
        template=frame.template,
        title={
            **frame.title.to_plotly_json(),
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 16, "t": 18},
        },
        margin={"l": 64, "r": 20, "t": 106 + 18 * len(told), "b": 110},
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )


def _span(table: LadderTable) -> list[float] | None:
    """The common range of scores: single fine-tunes and chance, with room; None where there is no score."""
    scores = [score for one in table.strategies for level in one.levels for score in level.scores]
    every = [100 * score for score in (*scores, *table.random_draws)]
    if not every:
        return None
    room = ROOM * max(max(every) - min(every), 1.0)
    return [min(every) - room, max(every) + room]


def _heading(drawn: go.Figure, own: LadderStrategy, again: LadderStrategy | None, place: Place) -> None:
    lines = [f"<b>{label(own.spec)}</b>", _slope(own)]
    if again is not None:
        lines.append(f"equal lengths: {_slope(again)}")
    columns = len(drawn._grid_ref[0])
    number = (place["row"] - 1) * columns + place["col"]
    head_panel(drawn, number, "<br>".join(lines), size=12)


def _slope(strategy: LadderStrategy) -> str:
    line, ranked = strategy.line, strategy.spearman
    if line is None or line.slope is None:
        why = strategy.why_no_slope or (line.note if line else "no slope")
        return label(textwrap.shorten(why, 52, placeholder=" ..."))
    spread = "" if line.slope_sd is None else f" ± {100 * line.slope_sd:.1f}"
    rho = "" if ranked is None or ranked.rho is None else f", ρ = {ranked.rho:+.2f} (n = {ranked.levels})"
    return f"slope {100 * line.slope:+.1f}{spread}{rho}"


def _chance(drawn: go.Figure, table: LadderTable, place: Place) -> None:
    """The band over random's draws and its mean."""
    if table.random is None or table.random.mean is None or not table.random_draws:
        return
    low, high = 100 * min(table.random_draws), 100 * max(table.random_draws)
    left, right = EDGES
    mean = 100 * table.random.mean
    _add(
        drawn,
        place,
        x=[left, right, right, left],
        y=[low, low, high, high],
        fill="toself",
        fillcolor=RIBBON,
        mode="none",
    )
    _add(
        drawn,
        place,
        x=[left, right],
        y=[mean, mean],
        mode="lines",
        line={"color": GREY, "width": 1.2, "dash": "dot"},
        hoverinfo="text",
        hovertext=f"random: {mean:.1f}",
    )


def _line(drawn: go.Figure, strategy: LadderStrategy, place: Place) -> None:
    line, colour = strategy.line, colour_of(strategy.family)
    if line is None or line.slope is None:
        return
    if None not in (*line.low, *line.high):
        _add(
            drawn,
            place,
            x=[*line.grid, *reversed(line.grid)],
            y=_points([*line.high, *reversed(line.low)]),
            fill="toself",
            fillcolor=_faint(colour, 0.10 if strategy.controlled else 0.20),
            mode="none",
        )
    dash = "dash" if strategy.controlled else "solid"
    _add(
        drawn, place, x=line.grid, y=_points(line.mean), mode="lines", line={"color": colour, "width": 2, "dash": dash}
    )


def _marks(drawn: go.Figure, strategy: LadderStrategy, place: Place) -> None:
    colour, symbol = colour_of(strategy.family), symbol_of(strategy.family)
    shift = 3 * JITTER if strategy.controlled else 0.0
    singles = [
        (level.level + shift + JITTER * (at - (len(level.scores) - 1) / 2), 100 * score, seed)
        for level in strategy.levels
        for at, (score, seed) in enumerate(zip(level.scores, level.seeds, strict=True))
    ]
    _add(
        drawn,
        place,
        x=[x for x, _, _ in singles],
        y=[score for _, score, _ in singles],
        mode="markers",
        marker={"size": 4.5, "color": colour, "opacity": 0.5, "symbol": "circle"},
        hovertext=[f"seed {seed}: {score:.1f}" for _, score, seed in singles],
        hoverinfo="text",
    )
    means = [
        (level, level.score) for level in strategy.levels if level.score is not None and level.score.mean is not None
    ]
    _add(
        drawn,
        place,
        x=[level.level + shift for level, _ in means],
        y=_points([score.mean for _, score in means]),
        error_y={
            "array": _points([_reach(score) for _, score in means]),
            "thickness": 1.2,
            "width": 3,
            "color": colour,
        },
        mode="markers",
        marker=_mark(colour, symbol, strategy.controlled),
        hovertext=[
            f"{label(level.spec)}<br>{100 * (score.mean or 0.0):.1f} points<br>{level.kept_types} types kept, "
            f"{level.mean_length or 0.0:.1f} response tokens"
            for level, score in means
        ],
        hoverinfo="text",
    )


def _legend(drawn: go.Figure, table: LadderTable, controlled: bool) -> None:
    """What marks mean, in no strategy's colour."""
    mean, single = "mean, 95 % interval", "one fine-tune"
    entries: list[tuple[str, dict[str, Any]]] = [
        (mean, {"mode": "markers", "marker": _mark(KEY, "circle", False)}),
        (single, {"mode": "markers", "marker": {"size": 4.5, "color": KEY, "opacity": 0.5}}),
        ("line through the means, 1-sigma band", {"mode": "lines", "line": {"color": KEY, "width": 2}}),
    ]
    if controlled:
        entries += [
            ("mean at equal lengths", {"mode": "markers", "marker": _mark(KEY, "circle", True)}),
            ("line at equal lengths", {"mode": "lines", "line": {"color": KEY, "width": 2, "dash": "dash"}}),
        ]
    if table.random_draws:
        draws = f"random, {len(table.random_draws)} draws: mean and range"
        entries.append((draws, {"mode": "lines", "line": {"color": RIBBON, "width": 10}}))
    for name, looks in entries:
        drawn.add_trace(go.Scatter(x=[None], y=[None], name=name, hoverinfo="skip", **looks), row=1, col=1)


def _add(drawn: go.Figure, place: Place, **trace: Any) -> None:
    drawn.add_trace(go.Scatter(**{"showlegend": False, "hoverinfo": "skip", **trace}), **place)


def _reach(score: KeptEstimate) -> float:
    """Half the interval, or nothing where there is none."""
    return 0.0 if score.high is None or score.mean is None else score.high - score.mean


def _mark(colour: str, symbol: str, open_: bool) -> dict[str, Any]:
    fill = "#FFFFFF" if open_ else colour
    return {"size": 8, "color": fill, "symbol": symbol, "line": {"color": colour, "width": 1.6}}


def _points(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else 100 * value for value in values]


def _faint(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
