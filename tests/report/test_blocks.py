"""Tables of a report: numbers as the page shows them, and a CSV that no spreadsheet runs."""

from __future__ import annotations

import base64
import csv
import io

import pytest

from suite.report.blocks import NOTHING, Column, Grid, Value, listed


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        (Column("x (points)", "+.1f", 100), 0.0674, "+6.7"),
        (Column("x (points)", "+.1f", 100), -0.0001, "0.0"),
        (Column("x (points)", "+.1f", 100), 0.0001, "0.0"),
        (Column("x", ".2f"), None, NOTHING),
        (Column("x", ".2f"), float("nan"), NOTHING),
        (Column("x", ".2f"), float("inf"), NOTHING),
        (Column("x", "d"), 3, "3"),
        (Column("x", ".3f"), "text", "text"),
        (Column("p", "p"), 0.00001, "< 0.001"),
        (Column("p", "p"), 0.0412, "0.041"),
        (Column("name"), "a\x1b[2J\u202eb", "a�[2J�b"),
        (Column("name"), "", NOTHING),
        (Column("yes"), True, "yes"),
        (Column("yes"), False, "no"),
    ],
)
def test_a_cell_as_the_page_shows_it(column: Column, value: Value, shown: str) -> None:
    assert column.show(value) == shown


def test_a_csv_keeps_numbers_and_disarms_formulas() -> None:
    names = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", 'quoted "," name', "plain")
    grid = Grid(
        "g",
        "G",
        (Column("name"), Column("gain (points)", "+.1f", 100), Column("sound")),
        tuple((name, 0.5 if number else None, True) for number, name in enumerate(names)),
    )
    content = base64.b64decode(grid.data_uri.partition("base64,")[2]).decode()
    assert content == grid.csv()
    header, *lines = csv.reader(io.StringIO(content))
    assert header == ["name", "gain (points)", "sound"]
    assert [line[0] for line in lines] == [
        "'=cmd|' /C calc'!A0",
        "'+1",
        "'-1",
        "'@SUM(1)",
        "�=1",
        'quoted "," name',
        "plain",
    ]
    assert [line[1] for line in lines] == ["", *["50.0"] * 6]
    assert {line[2] for line in lines} == {"yes"}


def test_names_are_listed_in_words() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
