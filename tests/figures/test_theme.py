"""The house's visual language: titles on every axis, names that stay text, colours that can be told apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from suite.figures.theme import FAMILIES, GREY, OKABE_ITO, OTHER_FAMILY, SYMBOLS, colour_of, figure, label, template


def test_one_colour_and_one_marker_a_family() -> None:
    coloured = [colour_of(level) for level in FAMILIES if level != "baseline"]
    assert len(set(coloured)) == len(coloured)
    assert set(coloured) | {OTHER_FAMILY} <= set(OKABE_ITO.values())
    assert colour_of("baseline") == GREY
    assert colour_of("published") == OTHER_FAMILY
    assert SYMBOLS.keys() == FAMILIES.keys()


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` (WCAG 2.2)."""
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_and_marks_can_be_seen(dark: bool) -> None:
    layout = template(dark).layout
    assert contrast(layout.font.color, layout.paper_bgcolor) > 7
    assert contrast(layout.xaxis.title.font.color, layout.paper_bgcolor) > 4.5
    for colour in {*FAMILIES.values(), OTHER_FAMILY}:
        # Okabe-Ito's orange and sky blue are pale on white; their markers differ in shape, and rows bear names.
        assert contrast(colour, layout.paper_bgcolor) > 2.1
    for one, other in combinations(set(FAMILIES.values()), 2):
        assert one != other


@pytest.mark.parametrize("titles", [("", "score (points)"), ("cost (s)", " ")])
def test_an_axis_without_a_title_is_refused(titles: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="every axis needs a title"):
        figure("Cost", *titles)


def test_a_figure_carries_its_titles_and_the_house_template() -> None:
    made = figure("Cost against gain", "cost (s)", "gain (points)", subtitle="Up and left is better.")
    assert made.layout.xaxis.title.text == "cost (s)"
    assert made.layout.yaxis.title.text == "gain (points)"
    assert made.layout.title.subtitle.text == "Up and left is better."
    lined = figure("Cost", "cost (s)", "gain (points)", subtitle=["Reduced: <b>2</b> of 3.", "Up is better."])
    assert lined.layout.title.subtitle.text == "Reduced: &lt;b&gt;2&lt;/b&gt; of 3.<br>Up is better."
    assert "sans-serif" in made.layout.template.layout.font.family


def test_names_stay_text() -> None:
    assert label("<a href='javascript:alert(1)'>x</a> & \x1b[2J\u202e") == (
        "&lt;a href='javascript:alert(1)'&gt;x&lt;/a&gt; &amp; �[2J�"
    )
