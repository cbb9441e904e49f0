"""The figure of two rows: every task in its place, far ones as arrows, names that stay text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import experiment, registration, task

from suite.aggregate import score_v1
from suite.aggregate.head_to_head import HeadToHead, head_to_head
from suite.figures.head_to_head import head_to_head_figure


@pytest.fixture(scope="module")
def found() -> HeadToHead:
    results = experiment({"k-center": 0.2, "longest": -0.1}, tasks=3)
    more = [r.model_copy(update={"tasks": (task(np.zeros(50), "aside"), *r.tasks)}) for r in results]
    [table] = score_v1(more, registration()).tables
    return head_to_head(more, registration(), table, "k-center", "longest")


def test_the_whole_stands_first_then_the_tasks_of_the_score_then_the_others(found: HeadToHead) -> None:
    made = head_to_head_figure("microworld", found)
    assert made is not None
    assert found.overall is not None
    names = made.layout.yaxis.ticktext
    assert names[0] == "<b>all tasks of the score</b>"
    assert names[1:4] == ("exact-0", "exact-1", "likelihood")
    assert "(aside)" in names[4]
    dots = {y: x for trace in made.data if trace.marker.size != 5 for x, y in zip(trace.x, trace.y, strict=True)}
    assert dots[0] == pytest.approx(100 * found.overall.mean)
    by_name = {one.task.name: one.difference for one in found.tasks}
    for place, name in enumerate(names[1:4], start=1):
        difference = by_name[name]
        assert difference is not None
        assert dots[place] == pytest.approx(100 * difference.mean)
    singles = [x for trace in made.data if trace.marker.size == 5 for x in trace.x]
    assert len(singles) == 3 * 5
    assert "longest ahead" in made.layout.xaxis.title.text
    assert "(points)" in made.layout.xaxis.title.text


def test_a_task_that_does_not_enter_does_not_stretch_the_axis(found: HeadToHead) -> None:
    [aside] = [one for one in found.tasks if not one.task.enters]
    assert aside.difference is not None
    far = replace(aside, difference=replace(aside.difference, mean=-90.0, low=-91.0, high=-89.0), by_seed=(-90.0,) * 3)
    made = head_to_head_figure("t", replace(found, tasks=(far, *found.tasks[1:])))
    assert made is not None
    low, _ = made.layout.xaxis.range
    assert low > -500
    last = made.data[-1]
    assert last.marker.symbol == ("triangle-left",)
    assert last.error_x.array[0] == 0
    assert low < last.x[0] < 0
    assert "-9000.00 points" in last.customdata[0][1]


def test_without_an_interval_there_is_a_dot_alone(found: HeadToHead) -> None:
    nan = float("nan")
    assert found.overall is not None
    unknown = replace(found.overall, standard_error=nan, low=nan, high=nan, p=nan, note="one <b>seed</b>")
    made = head_to_head_figure("t", replace(found, overall=unknown))
    assert made is not None
    dot = next(trace for trace in made.data if trace.marker.size == 13)
    assert dot.error_x.array[0] == 0
    assert "one &lt;b&gt;seed&lt;/b&gt;" in dot.customdata[0][1]


def test_nothing_to_compare_is_no_figure_and_names_stay_text(found: HeadToHead) -> None:
    nothing = tuple(replace(one, difference=None, by_seed=()) for one in found.tasks)
    assert head_to_head_figure("t", replace(found, overall=None, by_seed=(), tasks=nothing)) is None
    made = head_to_head_figure("t", replace(found, first="<b>x</b>" * 20))
    assert made is not None
    assert "<b>x" not in str(made.layout.xaxis.title.text)
    assert "…" in made.layout.xaxis.title.text
