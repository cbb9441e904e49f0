"""A table narrowed to some tasks against the score of results that have these tasks alone."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pytest
from factories import experiment, registration

from suite.aggregate import Registration, Row, Table, score_v1
from suite.aggregate.moments import TableMoments
from suite.aggregate.moments_file import MomentsFile, moments_parquet
from suite.aggregate.narrowing import narrowed, unranked
from suite.aggregate.score_v1 import score_v1_with_moments
from suite.errors import StoreError
from suite.results import Result

EFFECTS = {"micro-response": 0.2, "k-center": 0.0, "k-means": 0.01, "longest": -0.03, "duplicate": -0.25, "oracle": 0.3}
DRAWN = {"rank_low", "rank_high", "p_best", "p_beats_random"}
TASKS = ("exact-0", "exact-1", "likelihood")


def on(results: list[Result], tasks: tuple[str, ...]) -> list[Result]:
    """The same results as if they had these tasks alone."""
    return [
        record.model_copy(update={"tasks": tuple(task for task in record.tasks if task.name in tasks)})
        for record in results
    ]


def incomplete(results: list[Result]) -> list[Result]:
    """Without one seed of a row, and with a variant of another."""
    kept = [one for one in results if (one.cell.spec, one.cell.training_seed) != ("k-means", 1)]
    variants = [
        one.model_copy(update={"cell": one.cell.model_copy(update={"spec": "longest:by=words"})})
        for one in results
        if one.cell.spec == "longest"
    ]
    return kept + variants


@pytest.fixture(scope="module", params=[3, 10], ids=["3 seeds", "10 seeds"])
def results(request: pytest.FixtureRequest) -> list[Result]:
    return incomplete(experiment(EFFECTS, seeds=request.param, tasks=3, items=60))


def seeds_of(results: list[Result]) -> int:
    return len({one.cell.training_seed for one in results})


def registered(results: list[Result]) -> Registration:
    """A track whose first two tasks are asked on the same items."""
    return replace(registration(seeds_of(results)), same_items=(TASKS[:2],))


@pytest.fixture(scope="module")
def whole(results: list[Result]) -> tuple[Table, TableMoments]:
    board, moments = score_v1_with_moments(results, registered(results))
    read = MomentsFile(io.BytesIO(moments_parquet(moments, "digest"))).read(0)
    return board.tables[0], read


def apart(one: Row, other: Row) -> set[str]:
    """The fields in which two rows differ; nan is equal to itself."""
    return {field.name for field in fields(Row) if repr(getattr(one, field.name)) != repr(getattr(other, field.name))}


def test_on_all_tasks_it_is_the_board(whole: tuple[Table, TableMoments]) -> None:
    table, moments = whole
    assert repr(narrowed(table, moments, TASKS)) == repr(table)
    assert repr(narrowed(table, moments, ())) == repr(table)


@pytest.mark.parametrize("tasks", [TASKS[:1], TASKS[1:2], TASKS[2:], TASKS[:2], TASKS[1:]])
def test_on_some_tasks_it_is_the_score_of_results_with_these_alone(
    results: list[Result], whole: tuple[Table, TableMoments], tasks: tuple[str, ...]
) -> None:
    found = narrowed(*whole, tasks)
    [expected] = score_v1(on(results, tasks), registered(results)).tables
    for ours, theirs in zip(found.rows, expected.rows, strict=True):
        assert apart(ours, theirs) <= DRAWN
        assert (ours.rank_low is None) == (theirs.rank_low is None) == (ours.rank is None)
        if ours.rank_low is not None and ours.rank_high is not None:
            assert theirs.rank_low is not None
            assert theirs.rank_high is not None
            assert abs(ours.rank_low - theirs.rank_low) <= 1
            assert abs(ours.rank_high - theirs.rank_high) <= 1
            assert ours.p_best == pytest.approx(theirs.p_best, abs=0.06)
    assert (found.tasks, found.withheld, found.notes) == (expected.tasks, expected.withheld, expected.notes)
    assert found.random_draws == expected.random_draws
    assert found.separation == expected.separation
    assert found.power is not None
    assert expected.power is not None
    assert found.power.detectable == pytest.approx(expected.power.detectable)
    assert found.power.seeds_for_one_point == expected.power.seeds_for_one_point


def test_ranks_of_rounded_draws_are_those_of_the_draws(results: list[Result]) -> None:
    """Recomputed from the rounded draws on all tasks, each rank is where the board has it, ties included."""
    from suite.aggregate.judging import judged

    twins = [
        one.model_copy(
            update={"cell": one.cell.model_copy(update={"spec": "k-center-too", "strategy": "k-center-too"})}
        )
        for one in results
        if one.cell.spec == "k-center"
    ]
    board, [moments] = score_v1_with_moments([*results, *twins], registered(results))
    table = board.tables[0]
    again = judged(table, moments)
    for ours, theirs in zip(again.rows, table.rows, strict=True):
        assert apart(ours, theirs) <= DRAWN
        assert ours.rank_low == theirs.rank_low
        assert ours.rank_high == theirs.rank_high
        assert ours.p_best == pytest.approx(theirs.p_best, abs=2e-3)


def test_tasks_without_a_score_are_refused_with_a_reason(results: list[Result]) -> None:
    broken = [
        one.model_copy(
            update={
                "tasks": tuple(
                    task.model_copy(update={"chance": 0.99}) if task.name == "exact-0" else task for task in one.tasks
                )
            }
        )
        for one in results
    ]
    board, [moments] = score_v1_with_moments(broken, registered(results))
    table = board.tables[0]
    assert moments.tasks == TASKS[1:]
    alone = narrowed(table, moments, ["exact-0"])
    assert "learned no task" in alone.withheld
    assert all(row.rank is None and row.score is None for row in alone.rows)
    assert set(alone.rows[0].tasks) == {"exact-0"}
    [expected] = score_v1(on(broken, ("exact-0",)), registered(results)).tables
    assert repr(alone) == repr(expected)
    without = narrowed(table, moments, TASKS[1:])
    assert [replace(row, tasks={}) for row in without.rows] == [replace(row, tasks={}) for row in table.rows]
    assert [task.name for task in without.tasks] == list(TASKS[1:])
    unknown = narrowed(table, moments, ["no-such-task"])
    assert "no-such-task" in unknown.notes[-1]
    assert [row.rank for row in unranked(table, TASKS[1:], "why").rows] == [None] * len(table.rows)


def test_a_table_that_was_withheld_for_a_task_is_ranked_without_it() -> None:
    """Without `untuned` the likelihood keeps everything from being ranked; the other tasks do not need it."""
    results = [one for one in experiment(EFFECTS, tasks=3, items=60) if one.cell.spec != "untuned"]
    board, [moments] = score_v1_with_moments(results, registration())
    table = board.tables[0]
    assert table.withheld
    found = narrowed(table, moments, TASKS[:2])
    [expected] = score_v1(on(results, TASKS[:2]), registration()).tables
    assert not found.withheld
    assert [row.rank for row in found.rows] == [row.rank for row in expected.rows]
    assert [row.rank_high for row in found.rows] == [row.rank_high for row in expected.rows]


def test_moments_of_another_table_are_refused(whole: tuple[Table, TableMoments]) -> None:
    table, moments = whole
    with pytest.raises(ValueError, match="another table"):
        narrowed(replace(table, rows=table.rows[1:]), moments, TASKS[:1])
    with pytest.raises(ValueError, match="another table"):
        narrowed(table, replace(moments, tasks=TASKS[:2]), TASKS[:1])


def test_a_file_holds_every_table_with_or_without_a_score() -> None:
    results = experiment({"k-center": 0.1}, seeds=2, items=20)
    nothing = [one for one in results if one.cell.spec != "full"]
    (_, [some]), (_, [none]) = (score_v1_with_moments(found, registration(2)) for found in (results, nothing))
    file = MomentsFile(io.BytesIO(moments_parquet([none, some, none], "of these")))
    assert (len(file), file.results_digest) == (3, "of these")
    assert not file.read(0).tasks
    assert "2 seeds" in file.read(1).draws.note
    back = file.read(1)
    assert back.items == some.items
    assert back.scores.keys() == some.scores.keys()
    for spec, moments in some.scores.items():
        assert np.array_equal(back.scores[spec].seed_means, moments.seed_means)
        assert len(back.scores[spec].draws) == len(moments.draws)
    with pytest.raises(StoreError, match="table 3 are damaged"):
        file.read(3)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 not parquet PAR1", b"x" * 5000])
def test_what_is_no_file_of_moments_is_said(content: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        MomentsFile(io.BytesIO(content))


def test_lines_that_do_not_fit_are_damage(whole: tuple[Table, TableMoments]) -> None:
    _, moments = whole
    short = replace(moments, items=moments.items[:1])
    with pytest.raises(StoreError, match=r"[12] values"):
        MomentsFile(io.BytesIO(moments_parquet([short], ""))).read(0)
