"""Narrowing a full table to some of its tasks, in CPU time, against scoring the results anew; run by `make bench`."""

from __future__ import annotations

import time

import pytest
from alternating import compare
from factories import experiment, registration
from pytest_benchmark.fixture import BenchmarkFixture

from suite.aggregate import score_v1
from suite.aggregate.narrowing import narrowed
from suite.aggregate.score_v1 import score_v1_with_moments

pytestmark = pytest.mark.benchmark(timer=time.process_time)

ROWS, TASKS, ITEMS = 400, 8, 50


def test_narrowing_against_the_score_of_results_that_have_these_tasks(benchmark: BenchmarkFixture) -> None:
    """2,000 draws of 400 rows; the peer has the results in memory already, and few items, which flatters it."""
    results = experiment({f"k-center-{at}": 0.001 * at for at in range(ROWS - 1)}, tasks=TASKS, items=ITEMS)
    board, [moments] = score_v1_with_moments(results, registration())
    [table] = board.tables
    tasks = [task.name for task in table.tasks[1:]]
    fewer = [
        record.model_copy(update={"tasks": tuple(task for task in record.tasks if task.name in tasks)})
        for record in results
    ]
    ours, theirs = compare(
        benchmark,
        lambda: narrowed(table, moments, tasks),
        lambda: score_v1(fewer, registration()).tables[0],
        floor=8,
        peer="score_v1 of the results",
        rounds=3,
    )
    assert [(row.spec, row.rank) for row in ours.rows] == [(row.spec, row.rank) for row in theirs.rows]
