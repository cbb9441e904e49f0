"""Names beside points, placed so that none lies over another; a name that fits nowhere is left to the hover text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from suite.figures.theme import label

CHARACTER_WIDTH, LINE_HEIGHT, AWAY = 6.4, 15.0, 9.0
LONGEST = 28


@dataclass(frozen=True)
class Place:
    """A point with the name that belongs to it; important ones are placed first."""

    x: float
    y: float
    name: str
    important: bool = False


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def place_labels(
    made: go.Figure,
    places: Sequence[Place],
    *,
    width: float,
    height: float,
    y_range: tuple[float, float],
    log_x: bool = False,
) -> list[str]:
    """Write the names into the figure, whose plot measures about `width` x `height` pixels; return those left out.

    `y_range` is the range of the y axis; the x axis is left to plotly, which leaves room at both ends.
    """
    across = [math.log10(place.x) if log_x else place.x for place in places]
    low, high = y_range
    points = [
        (_scaled(x, across) * width, (high - place.y) / (high - low) * height)
        for x, place in zip(across, places, strict=True)
    ]
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    left_out = []
    for number in sorted(range(len(places)), key=lambda number: not places[number].important):
        place, (x, y) = places[number], points[number]
        name = place.name if len(place.name) <= LONGEST else f"{place.name[: LONGEST - 1]}…"
        reach = CHARACTER_WIDTH * len(name)
        for anchor, box in _candidates(x, y, reach):
            if box.left >= 0 and box.right <= width and not any(box.meets(other) for other in taken):
                taken.append(box)
                _write(made, place, name, across[number], anchor, box, (x, y))
                break
        else:
            left_out.append(place.name)
    return left_out


def _scaled(value: float, among: Sequence[float]) -> float:
    low, high = min(among), max(among)
    return 0.06 + 0.88 * (value - low) / (high - low) if high > low else 0.5


def _candidates(x: float, y: float, reach: float) -> list[tuple[str, _Box]]:
    half = LINE_HEIGHT / 2
    found = []
    for rise in (0.0, -LINE_HEIGHT, LINE_HEIGHT, -2 * LINE_HEIGHT, 2 * LINE_HEIGHT):
        found.append(("left", _Box(x + AWAY, y + rise - half, x + AWAY + reach, y + rise + half)))
        found.append(("right", _Box(x - AWAY - reach, y + rise - half, x - AWAY, y + rise + half)))
    return found


def _write(
    made: go.Figure, place: Place, name: str, x: float, anchor: str, box: _Box, point: tuple[float, float]
) -> None:
    made.add_annotation(
        name="label",
        x=x,
        y=place.y,
        xanchor=anchor,
        yanchor="middle",
        xshift=AWAY if anchor == "left" else -AWAY,
        yshift=point[1] - (box.top + box.bottom) / 2,
        text=f"<b>{label(name)}</b>" if place.important else label(name),
        font={"size": 12},
        showarrow=False,
    )
