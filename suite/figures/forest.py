"""The hero: one row a strategy, a dot and a whisker for its paired difference to random, in points.

Rows stand in the table's order. Filled markers are told apart from random (Holm-adjusted p below 0.05), open ones are
not; the ribbon at zero is where single selection draws of `random` fall; references are grey; a bracket on the right
holds rows together that nobody can tell apart. Rows far outside (Tukey's far fences over the ranked rows) are arrows at
the edge, or they would flatten all others; their numbers stand beside them like everybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import plotly.graph_objects as go

from suite.aggregate import Board, Row, Table
from suite.figures.groups import tied_groups
from suite.figures.scale import Scale
from suite.figures.theme import GREY, RIBBON, colour_of, figure, in_order, label, symbol_of

ROW_HEIGHT, FRAME_HEIGHT, VALUES_WIDTH = 27, 208, 106
COMPACT_ROW, COMPACT_TOP, COMPACT_FOOT, NOTE_LINE = 18, 42, 46, 18
"""Pixels of a row and of the frame where a page must hold the whole picture on one screen."""
LONGEST_NAME = 36
LANE = 9
"""Pixels between two brackets side by side."""
MARKS = {"beats": "▲", "worse": "▼", "tied": "="}
HOW_TO_READ = (
    "Right of the line is better than random selection. Whisker: 95 % interval; filled: told apart from random (Holm, "
    "p < 0.05), open: not; ribbon: where single random draws fall; bracket: not told apart; arrow: beyond the scale."
)


def forest_figure(board: Board, table: Table, *, dark: bool = False, compact: bool = False) -> go.Figure | None:
    """The forest plot of one table; None where no complete row has a difference to random.

    `compact` has lower rows and no room for a title, which the page around it has.
    """
    rows = [row for row in table.rows if row.complete and (row.difference or row.verdict == "baseline")]
    if not any(row.difference for row in rows):
        return None
    scale = Scale.of(rows, table.random_draws)
    made = figure(
        f"{label(board.track)}: difference to random at a budget of {table.budget:,}, {label(table.base_model)}",
        "← worse&#160;&#160;&#160;difference to random (points)&#160;&#160;&#160;better →",
        "strategy, best first",
        subtitle=HOW_TO_READ,
        dark=dark,
    )
    _add_random(made, table, rows)
    for level in _levels(rows):
        _add_family(made, level, rows, scale)
    brackets, lanes = _brackets(rows)
    # One update each: plotly checks everything that is there again with every addition.
    made.update_layout(
        annotations=[*_values(rows, lanes), *_footnote(table, compact), *_random_label(table)],
        shapes=[*_ribbon(table), *brackets],
    )
    made.update_xaxes(range=[scale.low, scale.high], zeroline=True, zerolinewidth=1.5)
    made.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_name(row) for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    made.update_layout(_frame(len(rows), lanes, len(list(_footnote(table, compact))), compact))
    return made


def _frame(rows: int, lanes: int, notes: int, compact: bool) -> dict[str, Any]:
    """Height, margins and the place of the legend."""
    right = 24 + VALUES_WIDTH + LANE * lanes
    if not compact:
        height = ROW_HEIGHT * rows
        return {
            "height": FRAME_HEIGHT + height,
            "margin": {"r": right, "t": 132, "b": 76},
            "legend": {"y": 1 + 22 / height},
        }
    height, foot = COMPACT_ROW * rows, COMPACT_FOOT + 2 * NOTE_LINE * notes
    return {
        "title": None,
        "height": COMPACT_TOP + height + foot,
        "margin": {"l": 8, "r": right, "t": COMPACT_TOP, "b": foot},
        "legend": {"y": 1 + 14 / height, "font": {"size": 12}},
    }


def _levels(rows: Sequence[Row]) -> list[str]:
    """The families that are there, in the order of the legend; grey ones last."""
    return in_order("baseline" if row.reference else row.level for row in rows if row.difference)


def _name(row: Row) -> str:
    name = row.spec if len(row.spec) <= LONGEST_NAME else f"{row.spec[: LONGEST_NAME - 1]}…"
    if row.reference or row.verdict == "baseline":
        return f'<span style="color:{GREY}">{label(name)}</span>'
    return f"<b>{label(name)}</b>" if row.verdict == "beats" else label(name)


def _ribbon(table: Table) -> Iterator[dict[str, Any]]:
    """Where the random draws fall, over all rows."""
    if table.random_draws:
        yield {
            "type": "rect",
            "x0": 100 * min(table.random_draws),
            "x1": 100 * max(table.random_draws),
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "fillcolor": RIBBON,
            "line": {"width": 0},
            "layer": "below",
        }


def _random_label(table: Table) -> Iterator[dict[str, Any]]:
    if table.random_draws:
        font = {"size": 12, "color": GREY}
        yield {"x": 0, "y": 1, "yref": "paper", "yanchor": "bottom", "text": "random", "font": font, "showarrow": False}


def _add_random(made: go.Figure, table: Table, rows: Sequence[Row]) -> None:
    """Each draw as a tick on random's own row."""
    draws = [100 * draw for draw in table.random_draws]
    if not draws:
        return
    places = [place for place, row in enumerate(rows) if row.verdict == "baseline"]
    for place in places:
        made.add_scatter(
            x=draws,
            y=[place] * len(draws),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 12, "color": GREY, "line": {"width": 2}},
            hovertemplate="a random draw: %{x:+.2f} points from the mean of all<extra></extra>",
            showlegend=False,
        )


def _add_family(made: go.Figure, level: str, rows: Sequence[Row], scale: Scale) -> None:
    own = [
        (place, row, row.difference)
        for place, row in enumerate(rows)
        if row.difference and ("baseline" if row.reference else row.level) == level
    ]
    colour, symbol = colour_of(level), symbol_of(level)
    means = [100 * difference.mean for _, _, difference in own]
    inside = [scale.holds(mean) for mean in means]
    symbols = []
    for mean, there, (_, row, _) in zip(means, inside, own, strict=True):
        told_apart = row.verdict in ("beats", "worse")
        beyond = "triangle-left" if mean < 0 else "triangle-right"
        symbols.append((symbol if there else beyond) + ("" if told_apart or not there else "-open"))
    made.add_scatter(
        x=[scale.clipped(mean) for mean in means],
        y=[place for place, _, _ in own],
        mode="markers",
        marker={"symbol": symbols, "size": 11, "color": colour, "line": {"width": 2, "color": colour}},
        error_x={
            "array": [
                100 * d.half_width if there and d.known else 0 for there, (_, _, d) in zip(inside, own, strict=True)
            ],
            "color": colour,
            "thickness": 2.2,
            "width": 0,
        },
        customdata=[_details(row) for _, row, _ in own],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    # A legend entry takes the marker of the first point, which may be an arrow or open.
    made.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": symbol, "size": 11, "color": colour},
        name="baseline, reference" if level == "baseline" else label(level),
    )


def _details(row: Row) -> str:
    """What a reader sees who points at a row."""
    assert row.difference is not None
    found = row.difference
    lines = [f"<b>{label(row.spec)}</b> ({label(row.level)}{', reference' if row.reference else ''})"]
    lines.append(f"{100 * found.mean:+.2f} points to random")
    if found.known:
        lines.append(f"95 % interval {100 * found.low:+.2f} to {100 * found.high:+.2f}")
    else:
        lines.append(label(found.note))
    if row.p_holm is not None:
        lines.append(f"p {row.p_holm:.3g} (Holm): {row.verdict}")
    return "<br>".join(lines)


def _brackets(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], int]:
    """A bracket a tied group, side by side where groups overlap, and the number of lanes they take."""
    ends: list[int] = []
    lines = []
    for first, last in tied_groups(rows):
        lane = next((number for number, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        x = 6 + LANE * lane
        top, bottom = first - 0.3, last + 0.3
        for x0, y0, y1 in ((x, top, bottom), (x - 4, top, top), (x - 4, bottom, bottom)):
            lines.append(
                {
                    "type": "line",
                    "name": "bracket",
                    "xref": "paper",
                    "xsizemode": "pixel",
                    "xanchor": 1,
                    "x0": x0,
                    "x1": x,
                    "y0": y0,
                    "y1": y1,
                    "line": {"color": GREY, "width": 1.5},
                }
            )
    return lines, len(ends)


def _values(rows: Sequence[Row], lanes: int) -> Iterator[dict[str, Any]]:
    """The numbers, right of the plot and in line."""
    for place, row in enumerate(rows):
        font = {"size": 12, "color": GREY} if row.reference or not row.difference else {"size": 12}
        for text, anchor, shift in (
            (MARKS.get(row.verdict, ""), "left", 10),
            (_value(row), "right", 10 + VALUES_WIDTH),
        ):
            if text:
                yield {
                    "name": "value",
                    "xref": "paper",
                    "x": 1,
                    "xanchor": anchor,
                    "xshift": shift + LANE * lanes,
                    "y": place,
                    "yanchor": "middle",
                    "text": f"<b>{text}</b>" if row.verdict == "beats" else text,
                    "font": font,
                    "showarrow": False,
                }


def _value(row: Row) -> str:
    if row.difference is None:
        return "baseline" if row.verdict == "baseline" else "-"
    mean = f"{100 * row.difference.mean:+.1f}"
    if not row.difference.known:
        return f"{mean}{' ' * 6}"
    half = f"{100 * row.difference.half_width:.1f}"
    return f"{mean} ± {half.rjust(3, ' ')}"


def _footnote(table: Table, compact: bool) -> Iterator[dict[str, Any]]:
    """What is not drawn, and why."""
    notes = [f"Nothing is ranked: {label(table.withheld)}."] if table.withheld else []
    incomplete = [row for row in table.rows if not row.complete]
    if incomplete:
        listed = [f"{label(row.spec)} ({row.cells_done} of {row.cells_registered} cells)" for row in incomplete[:4]]
        rest = f" and {len(incomplete) - 4} more" if len(incomplete) > 4 else ""
        notes.append(f"Not drawn, because incomplete: {', '.join(listed)}{rest}.")
    if notes:
        yield {
            "name": "footnote",
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 0,
            # Beneath the axis and its title, whose heights do not change with the picture's.
            "yshift": -COMPACT_FOOT - 4 if compact else -72,
            "xanchor": "left",
            "yanchor": "top",
            "align": "left",
            "text": "<br>".join(notes),
            "font": {"size": 12, "color": GREY},
            "showarrow": False,
        }
