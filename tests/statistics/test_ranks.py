"""The crossed bootstrap against a literal one, and what its ranks and probabilities are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from suite.statistics.intervals import crossed_components
from suite.statistics.ranks import bootstrap_ranks, task_means

Scores = dict[str, list[np.ndarray]]


def board(rng: np.random.Generator, effects: list[float], seeds: int = 3, items: tuple[int, ...] = (40, 15)) -> Scores:
    """Rows that share the luck of their seeds and the difficulty of their items."""
    shared = [rng.normal(0, 0.1, (seeds, 1)) + rng.normal(0, 0.3, count) for count in items]
    return {
        f"row {at}": [effect + task + rng.normal(0, 0.1, task.shape) for task in shared]
        for at, effect in enumerate(effects)
    }


def literal_means(scores: Scores, draws: int, rng: np.random.Generator, items_of: Sequence[int] = ()) -> np.ndarray:
    """Draw by draw and task by task: pick seeds and items, then average what was picked."""
    tasks = len(next(iter(scores.values())))
    seeds = len(next(iter(scores.values()))[0])
    means = np.zeros((draws, len(scores)))
    for draw in range(draws):
        of_seeds = rng.integers(0, seeds, seeds - 1)
        drawn: dict[int, np.ndarray] = {}
        for task in range(tasks):
            items = next(iter(scores.values()))[task].shape[1]
            first = items_of[task] if items_of else task
            of_items = drawn.setdefault(first, rng.integers(0, items, items))
            for at, row in enumerate(scores.values()):
                means[draw, at] += row[task][np.ix_(of_seeds, of_items)].mean() / tasks
    return means


def test_draws_are_those_of_the_literal_bootstrap() -> None:
    rng = np.random.default_rng(1)
    scores = board(rng, [0.0, 0.02, 0.05], seeds=4)
    tasks = [np.stack(task, axis=2) for task in zip(*scores.values(), strict=True)]
    ours = task_means(tasks, draws=4000, seed=0).mean(axis=0)
    theirs = literal_means(scores, 2000, rng)
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.005)
    assert np.cov(ours.T) == pytest.approx(np.cov(theirs.T), rel=0.15)


def test_tasks_on_the_same_items_draw_them_together() -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(0, 0.6, 25)
    scores = {
        name: [task + (effect * shared if task.shape[1] == 25 else 0) for task in tasks]
        for effect, (name, tasks) in enumerate(board(rng, [0.0, 0.02, 0.05], seeds=4, items=(25, 15, 25)).items(), 1)
    }
    tasks = [np.stack(task, axis=2) for task in zip(*scores.values(), strict=True)]
    same_items = (0, 1, 0)
    ours = task_means(tasks, same_items, draws=4000, seed=0).mean(axis=0)
    theirs = literal_means(scores, 2000, rng, same_items)
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.01)
    assert np.cov(ours.T) == pytest.approx(np.cov(theirs.T), rel=0.15)
    apart = task_means(tasks, draws=4000, seed=0).mean(axis=0)
    assert (apart.var(axis=0) < 0.8 * ours.var(axis=0)).all()
    twice = [tasks[0], tasks[0]]
    one, other = task_means(twice, (0, 0), draws=50, seed=0)
    assert one.tolist() == other.tolist()
    table = bootstrap_ranks(scores, draws=500, items=["q", "r", "q"])
    assert table.p_best.tolist() != bootstrap_ranks(scores, draws=500).p_best.tolist()


def test_the_summary_is_the_literal_one() -> None:
    rng = np.random.default_rng(2)
    scores = board(rng, [0.0, 0.03, 0.03, 0.1])
    table = bootstrap_ranks(scores, baseline="row 1", draws=4000)
    means = literal_means(scores, 3000, rng)
    ranks = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    assert table.p_best == pytest.approx((ranks == 1).mean(axis=0), abs=0.04)
    beats = (means > means[:, [1]]).mean(axis=0)
    assert table.p_beats[[0, 2, 3]] == pytest.approx(beats[[0, 2, 3]], abs=0.04)
    assert np.isnan(table.p_beats[1])
    assert (table.rank_best <= table.rank_low).all()
    assert (table.rank_low <= table.rank_high).all()
    assert (table.rank_high <= table.rank_worst).all()
    assert table.p_best.sum() == pytest.approx(1)
    assert table.draws == 4000


def test_blocks_and_seeds() -> None:
    scores = board(np.random.default_rng(3), [0.0, 0.003], items=(3000,))
    first, again, other = (bootstrap_ranks(scores, draws=1500, seed=seed) for seed in (0, 0, 1))
    assert first.p_best.tolist() == again.p_best.tolist() != other.p_best.tolist()


def test_rows_that_are_equal_share_rank_and_chance() -> None:
    row = board(np.random.default_rng(4), [0.0])["row 0"]
    table = bootstrap_ranks({"a": row, "b": [task.copy() for task in row]}, baseline="a", draws=500)
    assert table.rank_low.tolist() == table.rank_worst.tolist() == [1, 1]
    assert table.p_best.tolist() == [0.5, 0.5]
    assert table.p_beats[1] == 0.5


def test_a_clear_order_is_certain_and_alike_rows_are_not() -> None:
    rng = np.random.default_rng(5)
    table = bootstrap_ranks(board(rng, [0.0, 2.0, 4.0]), baseline="row 0", draws=2000)
    assert table.rank_low.tolist() == table.rank_high.tolist() == [3, 2, 1]
    assert table.p_best.tolist() == [0, 0, 1]
    assert table.p_beats[1:].tolist() == [1, 1]
    alike = bootstrap_ranks(board(rng, [0.0] * 6), draws=2000)
    assert (alike.rank_high - alike.rank_low >= 2).all()


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_spread_of_draws_is_that_of_the_crossed_variance(seeds: int) -> None:
    """Three seeds drawn three at a time would show two thirds of what they vary."""
    rng = np.random.default_rng(seeds)
    drawn, crossed = [], []
    for _ in range(300):
        values = rng.normal(0, 0.3, (seeds, 1)) + rng.normal(0, 1, 60) + rng.normal(0, 0.2, (seeds, 60))
        drawn.append(task_means([values[:, :, None]], draws=200, seed=int(rng.integers(2**31))).var())
        crossed.append(crossed_components([values]).standard_error(seeds) ** 2)
    assert np.mean(drawn) == pytest.approx(np.mean(crossed), rel=0.08)


def test_selection_draws_are_resampled_too() -> None:
    rng = np.random.default_rng(7)
    scores = board(rng, [0.0, 0.06])
    composites = rng.normal(0, 0.2, (5, 1)) + rng.normal(0, 0.01, (5, 3))
    sure = bootstrap_ranks(scores, baseline="row 0", draws=4000).p_beats[1]
    unsure = bootstrap_ranks(scores, baseline="row 0", draws=4000, selections={"row 0": composites}).p_beats[1]
    assert 0.5 < unsure < sure
    one = bootstrap_ranks(scores, baseline="row 0", draws=4000, selections={"row 0": composites[:1]}).p_beats[1]
    assert one == sure


@pytest.mark.parametrize(
    ("rows", "seeds", "note"), [(1, 3, "1 row"), (3, 2, "2 seeds"), (3, 1, "1 seed"), (0, 3, "0 rows")]
)
def test_too_little_for_ranks_is_said(rows: int, seeds: int, note: str) -> None:
    table = bootstrap_ranks(board(np.random.default_rng(0), [0.1] * rows, seeds=seeds))
    assert note in table.note
    for numbers in (table.rank_low, table.rank_high, table.p_best, table.p_beats):
        assert np.isnan(numbers).all()
        assert len(numbers) == rows


def test_rows_that_do_not_fit_are_refused() -> None:
    scores = board(np.random.default_rng(0), [0.0, 0.1])
    with pytest.raises(ValueError, match="baseline 'random'"):
        bootstrap_ranks(scores, baseline="random")
    with pytest.raises(ValueError, match="row 1 has tasks of shapes"):
        bootstrap_ranks({**scores, "row 1": scores["row 1"][:1]})
    with pytest.raises(ValueError, match="other seeds"):
        bootstrap_ranks({"a": [np.ones((3, 2)), np.ones((4, 2))]})
    with pytest.raises(ValueError, match="row 0 holds values that are not finite"):
        bootstrap_ranks({"row 0": [np.full((3, 2), np.nan)]})
