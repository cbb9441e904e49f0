"""From blocks to the browser: every text escaped, every number in its column, every row of a table within reach."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet
import pytest
from boards import made_up, page_at
from factories import experiment
from hypothesis import given
from hypothesis import strategies as st
from reports import EFFECTS

from leaderboard.render import FORMATS, ROWS_A_PAGE, export, render
from leaderboard.snapshot import Snapshot
from leaderboard.views import VIEWS
from suite.errors import UnknownNameError
from suite.report.blocks import Column, Grid, Interval, Link
from suite.report.markup import asset, sheet_of
from suite.stores.protocol import Skipped

HOSTILE = (
    "k-means:x=<script>alert(1)</script>",
    "k-means:x='\"><img src=x onerror=alert(1)>",
    "k-means:x=`code`**bold**[x](javascript:alert(1))",
    "k-means:x={{value}}${value}{%raw%}",
    "k-means:x=</td></table><h1>",
)


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return made_up(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    results = experiment(EFFECTS | dict.fromkeys(HOSTILE, 0.1))
    made = made_up(tmp_path_factory.mktemp("hostile"), results)
    return Snapshot(made.url, made.tracks, made.as_of, "<b>down</b>", (Skipped("a/<i>.json", "<u>no</u> {{7*7}}"),))


@pytest.mark.parametrize("view", [view.NAME for view in VIEWS])
def test_strangers_text_stays_text(hostile: Snapshot, view: str) -> None:
    page = page_at(hostile, view=view, variants=True, search="<b>", track="nobody")
    for given_page in (page, page_at(hostile, view=view, variants=True)):
        rendered = render(given_page)
        found = Tags(rendered.head + rendered.body)
        assert not {tag for tag, _ in found.elements} & {"script", "img", "u", "iframe", "object"}
        for tag, attributes in found.elements:
            assert not [name for name in attributes if name.startswith("on")]
            if tag == "a":
                href = attributes["href"] or ""
                assert href.startswith(("?", "export/", "record/", "picks/", "https://")), href
        assert "<b>down</b>" in found.text


def test_names_are_shown_as_they_are_written(hostile: Snapshot) -> None:
    found = Tags(render(page_at(hostile, variants=True)).body)
    for name in HOSTILE:
        assert name in found.text


def test_the_page_says_who_wins_draws_it_and_lists_the_rest(snapshot: Snapshot) -> None:
    rendered = render(page_at(snapshot))
    found = Tags(rendered.body)
    assert "strategies beat random selection" in found.text
    assert "forest" in rendered.figures
    grid = Tags(rendered.body)
    assert any(attributes.get("id") == "ranked" for tag, attributes in grid.elements if tag == "table")
    assert "2026-01-02T03:04:00+00:00" in rendered.head


def test_every_sort_is_a_link_and_the_sorted_column_says_so(snapshot: Snapshot) -> None:
    body = render(page_at(snapshot, sort="-difference")).body
    heads = re.findall(r'<th [^>]*data-column="([^"]+)"( aria-sort="[a-z]+")?>\s*<a href="([^"]+)"', body)
    assert {name: state for name, state, _ in heads if state} == {"difference": ' aria-sort="descending"'}
    links = {name: href for name, _, href in heads}
    assert links["difference"] == "?sort=difference"
    assert links["score"] == "?sort=-score"
    assert links["level"] == "?sort=level"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_is_taken_along_whole_in_the_order_of_the_address(
    snapshot: Snapshot, kind: str, tmp_path: Path
) -> None:
    page = page_at(snapshot, sort="score", view="leaderboard")
    written = export(page, "leaderboard", "ranked", kind)
    if kind == "csv":
        head, *lines = csv.reader(written.decode().splitlines())
        assert len(lines) == len(page.shown)
        scores = [float(line[head.index("score (points)")]) for line in lines]
    else:
        (tmp_path / "t.parquet").write_bytes(written)
        table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
        assert table.num_rows == len(page.shown)
        scores = table["score (points)"].to_pylist()
    assert scores == sorted(scores)


def test_what_is_not_there_is_named(snapshot: Snapshot) -> None:
    page = page_at(snapshot)
    with pytest.raises(UnknownNameError, match="no view 'nothing'"):
        export(page, "nothing", "ranked", "csv")
    with pytest.raises(UnknownNameError, match="no format 'exe'"):
        export(page, "leaderboard", "ranked", "exe")
    with pytest.raises(UnknownNameError, match="no table of the view leaderboard 'x'"):
        export(page, "leaderboard", "x", "csv")


def test_formulas_do_not_leave_in_a_csv() -> None:
    grid = Grid("g", "g", (Column("=SUM(A1)"), Column("name")), (("@cmd", Link("+1-2", "?")), ("a", "-2+3\t")))
    assert grid.csv() == "'=SUM(A1),name\n'@cmd,'+1-2\na,'-2+3�\n"


@given(st.lists(st.none() | st.integers(-99, 99), max_size=12), st.booleans())
def test_rows_without_a_number_stay_at_the_end(values: list[int | None], down: bool) -> None:
    grid = Grid("g", "g", (Column("n", "d"),), tuple((value,) for value in values), frozenset({0} if values else ()))
    ordered = grid.sorted("-n" if down else "n")
    there = [row[0] for row in ordered.rows]
    known = [value for value in values if value is not None]
    assert there == sorted(known, reverse=down) + [None] * (len(values) - len(known))
    # The muted row is still the same one.
    assert [there[at] for at in ordered.muted] == values[:1]
    assert grid.sorted("nothing") is grid


def test_texts_sort_by_the_numbers_in_them() -> None:
    grid = Grid("g", "g", (Column("t"),), (("k-means:clusters=100",), ("K-means:clusters=20",), ("a",)))
    assert [row[0] for row in grid.sorted("t").rows] == ["a", "K-means:clusters=20", "k-means:clusters=100"]


def test_long_tables_have_pages(tmp_path: Path) -> None:
    results = experiment({f"k-means:clusters={number}": 0.0 for number in range(20, 60)})
    made = made_up(tmp_path, results)
    pages = -(-len(results) // ROWS_A_PAGE)
    assert pages > 1
    seen: list[str] = []
    for at in range(1, pages + 1):
        body = render(page_at(made, view="runs", at=at)).body
        seen += re.findall(r"run=(results/[^\"&]+)", body)
        assert ("next" in body) == (at < pages)
        assert ("previous" in body) == (at > 1)
    assert len(seen) == len(set(seen)) == len(results)
    beyond = render(page_at(made, view="runs", at=10**6)).body
    assert f"of {len(results):,}" in beyond


def test_small_intervals_share_one_scale_and_say_where_they_leave_it() -> None:
    column = Column("d", "+.1f", 100, role="bar", span=(-10, 10))
    rows = ((Interval(0.05, 0.0, 0.1, "macro", True),), (Interval(0.5, 0.4, 0.6),), (Interval(-0.2, None, None),))
    first, second, third = (row.cells[0] for row in sheet_of(Grid("g", "g", (column,), rows), ()).rows)
    assert first.bar is not None
    assert second.bar is not None
    assert third.bar is not None
    assert (first.bar.zero, first.bar.left, first.bar.width, first.bar.dot) == (50, 50, 50, 75)
    assert (first.bar.beyond, second.bar.beyond, third.bar.beyond) == ("", "right", "left")
    assert first.text == "+5.0 (+0.0 to +10.0)"
    assert third.text == "-20.0"


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_has_contrast_in_both_modes(mode: str) -> None:
    blocks = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))
        for part in re.findall(r"^:root[^{]*\{([^}]*)\}", asset("blocks.css"), flags=re.MULTILINE)
    ]
    light, dark = blocks[0], blocks[0] | blocks[1]
    colours = light if mode == "light" else dark
    for text in ("ink", "soft", "link"):
        for ground in ("paper", "raised", "row", "warn-paper"):
            high, low = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"
