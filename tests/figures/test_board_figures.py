"""Cost, tasks and budgets, each against what can be computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import experiment, registration
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.aggregate import Board, Costs, PluginFacts, score_v1
from suite.figures.budget import budget_figure, scores_figure
from suite.figures.cost import Point, cost_figure, cost_points, pareto_front
from suite.figures.labels import CHARACTER_WIDTH, LINE_HEIGHT, Place, placed_labels
from suite.figures.tasks import gain_on, tasks_figure

PLUGINS = {"k-center": PluginFacts("embedding", "built-in"), "longest": PluginFacts("baseline", "built-in")}


@pytest.fixture(scope="module")
def board() -> Board:
    return score_v1(experiment({"k-center": 0.2, "longest": -0.1}), registration(), PLUGINS)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-5, 5)), min_size=1, max_size=15))
def test_nothing_on_the_front_is_beaten_and_everything_else_is(values: list[tuple[int, int]]) -> None:
    points = [Point(None, seconds, gain) for seconds, gain in values]  # type: ignore[arg-type]
    front = pareto_front(points)

    def beaten(point: Point) -> bool:
        return any(
            other.seconds <= point.seconds
            and other.gain >= point.gain
            and (other.seconds, other.gain) != (point.seconds, point.gain)
            for other in points
        )

    assert {(point.seconds, point.gain) for point in front} == {
        (point.seconds, point.gain) for point in points if not beaten(point)
    }
    assert [point.seconds for point in front] == sorted(point.seconds for point in front)


def test_cost_is_features_and_selection_and_references_have_none(board: Board) -> None:
    [table] = board.tables
    costs = Costs(4.0, 2.0, 10.0, 5.0, 1e8)
    rows = tuple(replace(row, costs=costs) if row.spec == "k-center" else row for row in table.rows)
    points = {point.row.spec: point for point in cost_points(replace(table, rows=rows))}
    assert points.keys() == {"k-center", "longest", "random"}
    assert points["k-center"].seconds == 6.0
    assert points["random"].gain == 0.0
    made = cost_figure(board, table)
    assert made is not None
    assert made.layout.xaxis.type == "log"
    alone = [row for row in table.rows if row.spec in ("full", "untuned", "random")]
    assert cost_figure(board, replace(table, rows=tuple(alone))) is None


def test_a_cell_of_the_heat_map_is_the_difference_on_that_task(board: Board) -> None:
    [table] = board.tables
    rows = {row.spec: row for row in table.rows}
    for task in table.tasks:
        assert gain_on(rows["random"], rows["random"], task) == 0.0
        gain = gain_on(rows["full"], rows["random"], task)
        if task.unit == "accuracy":
            assert gain == pytest.approx(rows["full"].tasks[task.name] - rows["random"].tasks[task.name])
        else:
            # On the scale where untuned is 0 and full is 1, full stands where random lacks.
            assert gain - gain_on(rows["untuned"], rows["random"], task) == pytest.approx(1.0)
    mean = np.mean([gain_on(rows["k-center"], rows["random"], task) for task in table.tasks])
    assert rows["k-center"].difference is not None
    assert mean == pytest.approx(rows["k-center"].difference.mean)
    made = tasks_figure(board, table)
    assert made is not None
    [heat] = made.data
    assert np.shape(heat.z) == (len(table.rows) - 1, len(table.tasks))


def test_tasks_outside_the_score_stand_in_brackets_and_unknown_ones_are_dashes(board: Board) -> None:
    [table] = board.tables
    tasks = (replace(table.tasks[0], enters=False), replace(table.tasks[1], untuned=None))
    made = tasks_figure(board, replace(table, tasks=tasks))
    assert made is not None
    assert "(exact-0)" in made.layout.xaxis.ticktext[0]
    assert {line[1] for line in made.data[0].text} == {"-"}
    assert tasks_figure(board, replace(table, rows=table.rows[:1])) is None


def test_one_budget_draws_no_line_and_two_draw_one_a_strategy() -> None:
    small = experiment({"k-center": 0.1})
    assert budget_figure(score_v1(small, registration(), PLUGINS)) is None
    large = [
        record.model_copy(update={"cell": record.cell.model_copy(update={"budget": 2000})})
        for record in experiment({"k-center": 0.2})
        if record.cell.budget
    ]
    board = score_v1([*small, *large], registration(), PLUGINS)
    made = budget_figure(board)
    assert made is not None
    lines = {trace.name: trace for trace in made.data if trace.mode == "lines+markers"}
    assert lines.keys() == {"k-center", "random"}
    scores = {
        table.budget: next(row.score.mean for row in table.rows if row.spec == "k-center" and row.score)
        for table in board.tables
    }
    assert dict(zip(lines["k-center"].x, lines["k-center"].y, strict=True)) == pytest.approx(
        {budget: 100 * mean for budget, mean in scores.items()}
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=25))
def test_no_name_lies_over_another(places: list[tuple[float, float]]) -> None:
    named = [Place(x, y, f"name-{number}") for number, (x, y) in enumerate(places)]
    placed = placed_labels(named, width=700, height=400, y_range=(-1, 11))
    assert placed
    low, high = min(x for x, _ in places), max(x for x, _ in places)
    boxes = []
    for one in placed:
        drawn = one.annotation
        across = 0.06 + 0.88 * (drawn["x"] - low) / (high - low) if high > low else 0.5
        x, y = across * 700 + drawn["xshift"], (11 - drawn["y"]) / 12 * 400 - drawn["yshift"]
        reach = CHARACTER_WIDTH * len(drawn["text"])
        left = x if drawn["xanchor"] == "left" else x - reach
        assert (one.box.left, one.box.middle) == pytest.approx((left, y))
        boxes.append((left, y - LINE_HEIGHT / 2, left + reach, y + LINE_HEIGHT / 2))
    for number, box in enumerate(boxes):
        for other in boxes[:number]:
            assert (
                box[2] <= other[0] + 1e-6
                or other[2] <= box[0] + 1e-6
                or box[3] <= other[1] + 1e-6
                or other[3] <= box[1] + 1e-6
            )


def test_a_name_without_room_beside_its_point_stands_away_with_a_line_to_it() -> None:
    crowd = [Place(5 + 0.01 * number, 0.2 * number, f"strategy-{number}") for number in range(6)]
    corners = [Place(0, -9, "left"), Place(10, 9, "right")]
    placed = placed_labels([*crowd, *corners], width=800, height=390, y_range=(-10, 10))
    assert {one.annotation["text"] for one in placed} == {place.name for place in (*crowd, *corners)}
    led = [one for one in placed if one.leader is not None]
    assert led
    for one in led:
        assert one.leader is not None
        assert (one.leader["x"], one.leader["y"]) == (one.annotation["x"], one.annotation["y"])
        assert (one.leader["ax"], -one.leader["ay"]) == (one.annotation["xshift"], one.annotation["yshift"])


def test_a_name_keeps_clear_of_whiskers() -> None:
    whiskered = [Place(2.0, 5.0, "here"), Place(2.3, 5.0, "", whisker=(1.0, 9.0)), Place(9.0, 5.0, "there")]
    [here] = [one for one in placed_labels(whiskered, width=800, height=400, y_range=(0, 10)) if one.box.left < 400]
    assert here.annotation["xanchor"] == "right"


def test_a_phone_is_given_ranks_in_place_of_names(board: Board) -> None:
    [table] = board.tables
    costs = {"k-center": Costs(4.0, 2.0, 10.0, 5.0, 1e8), "longest": Costs(0.2, 0.1, 10.0, 5.0, 1e8)}
    rows = tuple(replace(row, costs=costs[row.spec]) if row.spec in costs else row for row in table.rows)
    made = cost_figure(board, replace(table, rows=rows))
    assert made is not None
    short = [one for one in made.layout.annotations if one.name == "narrow" and one.text]
    ranks = {str(row.rank) for row in rows if row.spec in (*costs, "random")}
    assert {one.text.removeprefix("<b>").removesuffix("</b>") for one in short} == ranks
    assert not any(one.visible for one in short)


def test_a_score_far_out_is_an_arrow_with_its_number() -> None:
    far = {"k-center": 0.2, "longest": -9.0}
    board = score_v1(experiment(far), registration(), PLUGINS)
    [table] = board.tables
    # Few rows have wide fences; these are enough for the far one to lie outside.
    near = [replace(row, spec=f"{row.spec}-{n}") for n in range(6) for row in table.rows if row.spec == "k-center"]
    made = scores_figure(board, replace(table, rows=(*table.rows, *near)))
    assert made is not None
    low, _ = made.layout.xaxis.range
    row = next(row for row in table.rows if row.spec == "longest")
    assert row.score is not None
    assert 100 * row.score.mean < low
    assert [one.text for one in made.layout.annotations if one.text.startswith(f"{100 * row.score.mean:.1f}")]
