"""Names beside points, placed so that none lies over another.

A name stands right beside its point where there is room, else a little away with a thin line that leads to it; one
that fits nowhere is left to the hover text. Whiskers and the line at zero are kept clear where that can be done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from suite.figures.theme import GREY, label

CHARACTER_WIDTH, LINE_HEIGHT, AWAY = 6.4, 15.0, 9.0
LONGEST = 36
FAR_RISES, FAR_STEPS = (26.0, 40.0, 54.0, 70.0), (10.0, 26.0, 44.0)
"""How far up or down, and how far aside, a name may stand from its point where a line leads to it, in pixels."""


@dataclass(frozen=True)
class Place:
    """A point with the name that belongs to it; important ones are placed first.

    A point without a name takes room only. `whisker` are the ends of the line that is drawn through it upright, which
    names had better not cross.
    """

    x: float
    y: float
    name: str
    important: bool = False
    whisker: tuple[float, float] | None = None


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
    """A name with the box it takes, in pixels from the plot's upper left corner, and its annotation for plotly.

    `leader` is the annotation of the line to its point where it stands away from it.
    """

    box: Box
    annotation: dict[str, Any]
    leader: dict[str, Any] | None = None

    @property
    def annotations(self) -> tuple[dict[str, Any], ...]:
        """All that plotly draws of it."""
        return (self.annotation,) if self.leader is None else (self.leader, self.annotation)


def labels_for(
    wide: Sequence[Place],
    narrow: Sequence[Place],
    *,
    height: float,
    y_range: tuple[float, float],
    log_x: bool = False,
) -> list[dict[str, Any]]:
    """The annotations of a figure's points: `wide` for a desk and for paper, `narrow` for a phone.

    Those of a phone are not seen until the page shows them in place of the others (`figures.js`).
    """
    desk = placed_labels(wide, width=800, height=height, y_range=y_range, log_x=log_x)
    phone = placed_labels(narrow, width=280, height=height, y_range=y_range, log_x=log_x)
    return [
        *(drawn for one in desk for drawn in one.annotations),
        *({**drawn, "name": "narrow", "visible": False} for one in phone for drawn in one.annotations),
    ]


def placed_labels(
    places: Sequence[Place],
    *,
    width: float,
    height: float,
    y_range: tuple[float, float],
    log_x: bool = False,
) -> list[Placed]:
    """The names that find room by their points in a plot of about `width` x `height` pixels, the others left out.

    `y_range` is the range of the y axis; the x axis is left to plotly, which leaves room at both ends.
    """
    across = [math.log10(place.x) if log_x else place.x for place in places]
    low, high = y_range

    def down(y: float) -> float:
        return (high - y) / (high - low) * height

    points = [(_scaled(x, across) * width, down(place.y)) for x, place in zip(across, places, strict=True)]
    taken = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    lines = [
        Box(x - 1, down(max(place.whisker)), x + 1, down(min(place.whisker)))
        for (x, _), place in zip(points, places, strict=True)
        if place.whisker is not None
    ]
    zero = down(0) if low < 0 < high else -LINE_HEIGHT
    found = []
    for number in sorted(range(len(places)), key=lambda number: not places[number].important):
        place, (x, y) = places[number], points[number]
        if not place.name:
            continue
        name = place.name if len(place.name) <= LONGEST else f"{place.name[: LONGEST - 1]}…"
        reach = CHARACTER_WIDTH * len(name)
        near, far = _beside(x, y, reach, place.important), _away(x, y, reach)
        # Beside its point and clear of whiskers is best; over a whisker is better than nowhere.
        for candidates, clear in ((near, True), (far, True), (near, False), (far, False)):
            free = [one for one in candidates if _free(one[1], width, height, [*taken, *(lines if clear else ())])]
            # The line at zero may touch a name but not strike it out.
            if clear:
                free = [one for one in free if abs(one[1].middle - zero) >= LINE_HEIGHT / 3]
            if free:
                anchor, box = free[0]
                taken.append(box)
                found.append(_placed(place, name, across[number], (x, y), anchor, box))
                break
    return found


def _free(box: Box, width: float, height: float, others: Sequence[Box]) -> bool:
    half = LINE_HEIGHT / 2
    inside = box.left >= 0 and box.right <= width and box.top >= -half and box.bottom <= height + half
    return inside and not any(box.meets(other) for other in others)


def _scaled(value: float, among: Sequence[float]) -> float:
    low, high = min(among), max(among)
    return 0.06 + 0.88 * (value - low) / (high - low) if high > low else 0.5


def _beside(x: float, y: float, reach: float, important: bool) -> list[tuple[str, Box]]:
    """Where a name may stand right beside its point, best first: the side it is anchored at, and its box."""
    # A line runs through what is important, so its name stands a little above.
    first = (-0.7 * LINE_HEIGHT, 0.7 * LINE_HEIGHT) if important else (0.0,)
    rises = (*first, -LINE_HEIGHT, LINE_HEIGHT)
    return [one for rise in rises for one in _both_sides(x, y + rise, AWAY, reach)]


def _away(x: float, y: float, reach: float) -> list[tuple[str, Box]]:
    """Where a name may stand with a line to its point, the nearest first."""
    return [
        one
        for rise in FAR_RISES
        for step in FAR_STEPS
        for up in (-rise, rise)
        for one in _both_sides(x, y + up, step, reach)
    ]


def _both_sides(x: float, y: float, step: float, reach: float) -> tuple[tuple[str, Box], tuple[str, Box]]:
    top, bottom = y - LINE_HEIGHT / 2, y + LINE_HEIGHT / 2
    right, left = Box(x + step, top, x + step + reach, bottom), Box(x - step - reach, top, x - step, bottom)
    return ("left", right), ("right", left)


def _placed(place: Place, name: str, x: float, at: tuple[float, float], anchor: str, box: Box) -> Placed:
    """A name in its box: `x` is its place on the axis as plotly takes it, `at` its point in pixels."""
    end = (box.left if anchor == "left" else box.right) - at[0], box.middle - at[1]
    annotation = {
        "name": "label",
        "x": x,
        "y": place.y,
        "xanchor": anchor,
        "yanchor": "middle",
        "xshift": end[0],
        "yshift": -end[1],
        "text": f"<b>{label(name)}</b>" if place.important else label(name),
        "font": {"size": 12},
        "showarrow": False,
    }
    leader = {
        "name": "label",
        "x": x,
        "y": place.y,
        "ax": end[0],
        "ay": end[1],
        "text": "",
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1,
        "arrowcolor": GREY,
        "standoff": 6,
    }
    return Placed(box, annotation, leader if abs(end[1]) > 1.5 * LINE_HEIGHT else None)
