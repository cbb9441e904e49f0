"""The forest plot against the board it is drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from factories import experiment, registration
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.aggregate import Board, PluginFacts, Row, Table, score_v1
from suite.figures.forest import forest_figure
from suite.figures.groups import tied_groups
from suite.figures.scale import Scale
from suite.figures.theme import GREY, RIBBON, colour_of

PLUGINS = {
    "k-center": PluginFacts("embedding", "built-in"),
    "macro-response": PluginFacts("macro", "built-in"),
    "longest": PluginFacts("baseline", "built-in"),
    "oracle": PluginFacts("baseline", "built-in"),
}
EFFECTS = {"k-center": 0.2, "macro-response": 0.0, "longest": -0.15, "oracle": 0.3}


def board_of(effects: dict[str, float], seeds: int = 3, missing: tuple[str, int] | None = None) -> Board:
    results = [r for r in experiment(effects, seeds=seeds) if (r.cell.spec, r.cell.training_seed) != missing]
    return score_v1(results, registration(seeds), PLUGINS)


@pytest.fixture(scope="module")
def board() -> Board:
    return board_of(EFFECTS)


def drawn(board: Board) -> go.Figure:
    made = forest_figure(board, board.tables[0])
    assert made is not None
    return made


def points(made: go.Figure) -> dict[float, tuple[float, str, str, float]]:
    """Place on the y axis -> (x, marker, colour, half a whisker) of every row's dot."""
    found = {}
    for trace in made.data:
        if trace.error_x.array is not None:
            for x, y, symbol, half in zip(trace.x, trace.y, trace.marker.symbol, trace.error_x.array, strict=True):
                found[y] = (x, symbol, trace.marker.color, half)
    return found


def test_every_complete_row_stands_where_the_table_has_it(board: Board) -> None:
    [table] = board.tables
    made = drawn(board)
    assert [text.replace("<b>", "").split("<")[0] or "grey" for text in made.layout.yaxis.ticktext] == [
        "grey" if row.reference or row.spec == "random" else row.spec for row in table.rows
    ]
    scale = Scale.of([row for row in table.rows if row.difference], table.random_draws)
    dots = points(made)
    for place, row in enumerate(table.rows):
        if row.difference is None:
            assert place not in dots
            continue
        x, symbol, colour, half = dots[place]
        assert colour == (GREY if row.reference else colour_of(row.level))
        if scale.holds(100 * row.difference.mean):
            assert x == pytest.approx(100 * row.difference.mean)
            assert half == pytest.approx(100 * row.difference.half_width)
            assert symbol.endswith("-open") == (row.verdict not in ("beats", "worse"))
        else:
            assert symbol in ("triangle-left", "triangle-right")
            assert half == 0
            assert scale.low < x < scale.high


def test_the_ribbon_is_what_random_draws_did(board: Board) -> None:
    [table] = board.tables
    assert len(table.random_draws) == 5
    assert sum(table.random_draws) == pytest.approx(0, abs=1e-12)
    [ribbon] = [shape for shape in drawn(board).layout.shapes if shape.fillcolor == RIBBON]
    assert ribbon.x0 == pytest.approx(100 * min(table.random_draws))
    assert ribbon.x1 == pytest.approx(100 * max(table.random_draws))


def test_random_draws_are_means_over_seeds_of_the_normalised_score() -> None:
    results = experiment({"k-center": 0.1})
    [table] = score_v1(results, registration(), {}).tables
    full, untuned = ({t.name: t.full for t in table.tasks}, {t.name: t.untuned for t in table.tasks})
    draws = []
    for draw in range(5):
        cells = [r for r in results if r.cell.spec == "random" and r.cell.selection_seed == draw]
        scores = []
        for task in table.tasks:
            raw = np.mean([next(t.mean for t in r.tasks if t.name == task.name) for r in cells])
            if task.unit == "accuracy":
                scores.append((raw - task.chance) / (1 - task.chance))
            else:
                scores.append((untuned[task.name] - raw) / (untuned[task.name] - full[task.name]))
        draws.append(np.mean(scores))
    assert table.random_draws == pytest.approx(np.array(draws) - np.mean(draws))


def test_incomplete_rows_are_listed_and_not_drawn() -> None:
    board = board_of(EFFECTS, missing=("k-center", 2))
    made = drawn(board)
    assert not any("k-center" in text for text in made.layout.yaxis.ticktext)
    [note] = [one.text for one in made.layout.annotations if one.name == "footnote"]
    assert note == "Not drawn, because incomplete: k-center (2 of 3 cells)."


def test_numbers_beside_the_plot_are_those_of_the_table(board: Board) -> None:
    values = {one.y: one.text for one in drawn(board).layout.annotations if one.name == "value" and "±" in one.text}
    for place, row in enumerate(board.tables[0].rows):
        if row.difference:
            assert f"{100 * row.difference.mean:+.1f} ± " in values[place]
            assert f"{100 * row.difference.half_width:.1f}" in values[place]


def test_without_anything_to_compare_there_is_no_figure() -> None:
    results = [r for r in experiment({"k-center": 0.1}) if r.cell.spec != "random"]
    [table] = score_v1(results, registration(), {}).tables
    assert forest_figure(score_v1(results, registration(), {}), table) is None


def test_one_strategy_and_one_seed_draw_a_dot_without_a_whisker() -> None:
    board = board_of({"k-center": 0.2}, seeds=1)
    dots = points(drawn(board))
    row = next(place for place, row in enumerate(board.tables[0].rows) if row.spec == "k-center")
    assert dots[row][3] == 0
    assert dots[row][1].endswith("-open")


def test_a_withheld_ranking_says_why() -> None:
    board = board_of(EFFECTS, missing=("full", 0))
    notes = [one.text for one in drawn(board).layout.annotations if one.name == "footnote"]
    assert "Nothing is ranked: the `full` row has 2 of 3 registered cells." in notes[0]


def test_names_of_strangers_stay_text(board: Board) -> None:
    [table] = board.tables
    evil = replace(table.rows[1], spec="<a href='http://x'>k</a>", level="<b>x</b>", reference=False)
    made = forest_figure(board, replace(table, rows=(evil, *table.rows)))
    assert made is not None
    assert "<a href" not in made.to_json().replace("\\u003c", "<")


def with_ranks(row: Row, place: int, low: int, high: int) -> Row:
    return replace(row, rank=place + 1, rank_low=low, rank_high=high, p_best=0.25)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6)), min_size=1, max_size=12))
def test_a_bracket_holds_the_longest_stretches_whose_intervals_all_overlap(ends: list[tuple[int, int]]) -> None:
    board = ROWS
    rows = [with_ranks(board, place, low, low + more) for place, (low, more) in enumerate(ends)]

    def alike(first: int, last: int) -> bool:
        some = [(row.rank_low or 0, row.rank_high or 0) for row in rows[first : last + 1]]
        return all(a[0] <= b[1] and b[0] <= a[1] for a in some for b in some)

    stretches = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows)) if alike(a, b)]
    longest = [s for s in stretches if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in stretches)]
    assert tied_groups(rows) == longest


def test_without_rank_intervals_brackets_hold_what_is_tied_with_random() -> None:
    verdicts = ["beats", "tied", "baseline", "tied", "worse", "tied"]
    rows = [
        replace(ROWS, rank=place + 1, verdict=verdict, rank_low=None, rank_high=None)
        for place, verdict in enumerate(verdicts)
    ]  # type: ignore[arg-type]
    assert tied_groups(rows) == [(1, 3)]


def table_with_ranks(table: Table) -> Table:
    rows = [with_ranks(row, place, max(1, place), place + 2) for place, row in enumerate(table.rows)]
    return replace(table, rows=tuple(rows))


def test_ranks_are_drawn_where_a_row_carries_them(board: Board) -> None:
    from suite.figures.ranks import ranks_figure

    [table] = board.tables
    without = [replace(row, rank_low=None, rank_high=None) for row in table.rows]
    assert ranks_figure(board, replace(table, rows=tuple(without))) is None
    made = ranks_figure(board, table_with_ranks(table))
    assert made is not None
    assert len(made.layout.yaxis.ticktext) == len(table.rows)
    for trace in made.data:
        for x, y, up, down in zip(trace.x, trace.y, trace.error_x.array, trace.error_x.arrayminus, strict=True):
            assert (x - down, x + up) == (max(1, y), y + 2)
    assert [one.text for one in made.layout.annotations] == ["25 %"] * len(table.rows)


ROWS = next(row for row in board_of({"k-center": 0.1}).tables[0].rows if row.spec == "k-center")
