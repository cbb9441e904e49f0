"""The crossed bootstrap at the size of a full board, in CPU time, against its literal form; run by `make bench`."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from alternating import compare, cpu_seconds, peak_bytes
from factories import experiment, registration
from pytest_benchmark.fixture import BenchmarkFixture

from suite.aggregate import score_v1
from suite.statistics.ranks import bootstrap_ranks, task_means
from suite.stores import LocalStore

pytestmark = pytest.mark.benchmark(timer=time.process_time)

STRATEGIES, SEEDS, ITEMS, DRAWS = 30, 6, 5_000, 10_000


def full_board() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    difficulty = rng.random(ITEMS)
    return {
        f"strategy {at}": [(rng.random((SEEDS, ITEMS)) * 0.5 + difficulty < 0.75 + at / 300).astype(float)]
        for at in range(STRATEGIES)
    }


def literal(tasks: np.ndarray, draws: int) -> np.ndarray:
    """Draw by draw and row by row: take the drawn seeds' and items' values, and average them."""
    rng = np.random.default_rng(1)
    means = np.empty((draws, tasks.shape[2]))
    for draw in range(draws):
        seeds, items = rng.integers(0, SEEDS, SEEDS - 1), rng.integers(0, ITEMS, ITEMS)
        for row in range(tasks.shape[2]):
            means[draw, row] = tasks[:, :, row][np.ix_(seeds, items)].mean()
    return means


def test_bootstrap_against_its_literal_form(benchmark: BenchmarkFixture) -> None:
    """The peer makes 200 draws, ours as many; the seconds of all 10,000 are those of the next test."""
    tasks = np.stack([row[0] for row in full_board().values()], axis=2)
    ours, theirs = compare(
        benchmark,
        lambda: task_means([tasks], draws=200, seed=0)[0],
        lambda: literal(tasks, 200),
        floor=5,
        rounds=1,
    )
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.005)
    assert ours.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.25)


def test_ten_thousand_draws_of_a_full_board(benchmark: BenchmarkFixture) -> None:
    scores = full_board()
    seconds = cpu_seconds(lambda: bootstrap_ranks(scores, baseline="strategy 0", draws=DRAWS), rounds=1)
    benchmark.pedantic(lambda: bootstrap_ranks(scores, baseline="strategy 0", draws=DRAWS), rounds=1)
    benchmark.extra_info["seconds"] = round(seconds, 2)
    print(f"\n{benchmark.name}: {seconds:.2f} s for {DRAWS:,} draws, {STRATEGIES} x {SEEDS} x {ITEMS:,}")
    assert seconds < 10


def test_a_board_is_scored_in_a_second(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """30 strategies, 6 seeds, 10 tasks of 300 items: the peer reads the results' files."""
    store = LocalStore(tmp_path)
    for record in experiment({f"s{number}": number / 100 for number in range(30)}, seeds=6, tasks=10, items=300):
        store.put(record)
    results = list(store.results())
    board, read = compare(
        benchmark,
        lambda: score_v1(results, registration(seeds=6)),
        lambda: list(store.results()),
        floor=0.1,
        peer="reading them",
    )
    assert min(benchmark.stats.stats.data) < 1
    assert len(read) == 217
    assert len(board.tables[0].rows) == 33


def test_memory_does_not_grow_with_draws(benchmark: BenchmarkFixture) -> None:
    """All weights of 10,000 draws of 5,000 items at once would be 400 MB."""
    program = (
        "import numpy as np\n"
        "from suite.statistics.ranks import task_means\n"
        "task_means([np.ones((6, 5000, 30))], draws={draws}, seed=0)\n"
    )
    few = peak_bytes(program.format(draws=10))
    many = benchmark.pedantic(peak_bytes, args=(program.format(draws=10_000),), rounds=1)
    benchmark.extra_info["peak_megabytes"] = round((many - few) / 1e6)
    print(f"\n{benchmark.name}: {(many - few) / 1e6:.0f} MB more")
    assert many - few < 120e6
