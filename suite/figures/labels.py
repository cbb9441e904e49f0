"""Names beside points, placed so that none lies over another; a name that fits nowhere is left to the hover text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.top + self.bottom) / 2

    def meets(self, other: Box) -> bool:
        """Whether two rectangles share a point inside."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Placed:
    """A name with the box it takes, in pixels from the plot's upper left corner, and its annotation for plotly."""

    box: Box
    annotation: dict[str, Any]


def placed_labels(
    places: Sequence[Place],
    *,
    width: float,
    height: float,
    y_range: tuple[float, float],
    log_x: bool = False,
) -> list[Placed]:
    """The names that find room beside their points in a plot of about `width` x `height` pixels, the others left out.

    `y_range` is the range of the y axis; the x axis is left to plotly, which leaves room at both ends.
    """
    across = [math.log10(place.x) if log_x else place.x for place in places]
    low, high = y_range
    points = [
        (_scaled(x, across) * width, (high - place.y) / (high - low) * height)
        for x, place in zip(across, places, strict=True)
    ]
    taken = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    found = []
    for number in sorted(range(len(places)), key=lambda number: not places[number].important):
        place, (x, y) = places[number], points[number]
        name = place.name if len(place.name) <= LONGEST else f"{place.name[: LONGEST - 1]}…"
        for anchor, box in _candidates(x, y, CHARACTER_WIDTH * len(name), place.important):
            if box.left >= 0 and box.right <= width and not any(box.meets(other) for other in taken):
                taken.append(box)
                found.append(Placed(box, _annotation(place, name, across[number], anchor, y - box.middle)))
                break
    return found


def _scaled(value: float, among: Sequence[float]) -> float:
    low, high = min(among), max(among)
    return 0.06 + 0.88 * (value - low) / (high - low) if high > low else 0.5


def _candidates(x: float, y: float, reach: float, important: bool) -> list[tuple[str, Box]]:
    half = LINE_HEIGHT / 2
    # A line runs through what is important, so its name stands a little above.
    first = (-0.7 * LINE_HEIGHT, 0.7 * LINE_HEIGHT) if important else (0.0,)
    found = []
    for rise in (*first, -LINE_HEIGHT, LINE_HEIGHT, -2 * LINE_HEIGHT, 2 * LINE_HEIGHT):
        found.append(("left", Box(x + AWAY, y + rise - half, x + AWAY + reach, y + rise + half)))
        found.append(("right", Box(x - AWAY - reach, y + rise - half, x - AWAY, y + rise + half)))
    return found


def _annotation(place: Place, name: str, x: float, anchor: str, rise: float) -> dict[str, Any]:
    return {
        "name": "label",
        "x": x,
        "y": place.y,
        "xanchor": anchor,
        "yanchor": "middle",
        "xshift": AWAY if anchor == "left" else -AWAY,
        "yshift": rise,
        "text": f"<b>{label(name)}</b>" if place.important else label(name),
        "font": {"size": 12},
        "showarrow": False,
    }
