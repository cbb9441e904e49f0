"""NovelSelect: the picks of a literal float64 evaluation, in order, and steps that can be certified from scratch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import oracles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clouds import budgets, clouds
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels import novelselect, replay_novelselect
from strategies.kernels.novelty_heap import drop_first, heap_up
from suite.features.density import knn_density
from suite.pool import Pool

Select = Callable[..., np.ndarray]
POWERS = st.sampled_from([0.0, 0.5, 1.0, 2.0])


def density_of(rows: np.ndarray, draw: st.DataObject) -> np.ndarray:
    """A density that equal rows share: of the cloud itself, or any numbers, a thousandfold apart."""
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    if len(distinct) > 1 and draw.draw(st.booleans()):
        return knn_density(rows, rows, neighbours=draw.draw(st.integers(1, 12)), power=draw.draw(POWERS))
    rng = np.random.default_rng(draw.draw(st.integers(0, 2**32 - 1)))
    return np.asarray(10.0 ** rng.normal(size=len(distinct))[place.reshape(-1)])


@settings(max_examples=200, deadline=None)
@given(rows=clouds(), data=st.data())
def test_picks_of_the_literal_form(rows: np.ndarray, data: st.DataObject) -> None:
    density = density_of(rows, data)
    budget = data.draw(budgets(len(rows)))
    first = data.draw(st.integers(0, len(rows) - 1))
    power = data.draw(POWERS)
    quality = None
    if data.draw(st.booleans()):
        quality = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 4, len(rows)) / 3
    given_form = {"first": first, "distance_power": power, "quality": quality}
    literal = oracles.novelselect(rows, density, budget, first, power, quality)
    assert novelselect(rows, density, budget, **given_form).tolist() == literal
    assert novelselect(rows, density, budget, dtype=np.float64, **given_form).tolist() == literal
    assert novelselect(rows, density, budget, memory=0, **given_form).tolist() == literal
    unit = rows.astype(np.float64)
    farthest = max(float(1.0 - (unit @ unit.T).min()), 0.0) + 1e-9
    assert novelselect(rows, density, budget, farthest=farthest, **given_form).tolist() == literal


def clumped(rows: int, *, dimensions: int, clumps: int, every: int) -> np.ndarray:
    """Unit rows around some directions; every so many-th is the same."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(clumps, dimensions))
    points = rng.normal(size=(rows, dimensions)) + 2 * centres[rng.integers(clumps, size=rows)]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[::every] = points[0]
    return points


def test_lists_of_a_larger_run_agree_with_none() -> None:
    rows = clumped(3_000, dimensions=24, clumps=30, every=7)
    density = knn_density(rows, rows, neighbours=10, power=0.5)
    picks = novelselect(rows, density, 700, first=3)
    assert picks.tolist() == novelselect(rows, density, 700, first=3, dtype=np.float64).tolist()
    assert picks.tolist() == novelselect(rows, density, 700, first=3, memory=0).tolist()
    for step in (1, 2, 69, 349, 699):
        assert replay_novelselect(rows, density, picks, step).certified


def test_several_blocks_of_picks_are_those_of_the_literal_form() -> None:
    rows = clumped(260, dimensions=12, clumps=9, every=9)
    density = knn_density(rows, rows, neighbours=10, power=0.5)
    literal = oracles.novelselect(rows, density, 200, 5, 1.0, None)
    assert novelselect(rows, density, 200, first=5).tolist() == literal
    assert novelselect(rows, density, 200, first=5, memory=0).tolist() == literal


def test_a_replay_finds_a_wrong_pick() -> None:
    rows = np.random.default_rng(2).normal(size=(200, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    density = knn_density(rows, rows, neighbours=5, power=0.5)
    picks = novelselect(rows, density, 50, first=0)
    swapped = picks.copy()
    swapped[[20, 21]] = swapped[[21, 20]]
    done = replay_novelselect(rows, density, swapped, 20)
    assert not done.certified
    assert done.winner == picks[20]
    assert done.winner_value > done.picked_value
    assert replay_novelselect(rows, density, swapped, 19).certified


def test_progress_reaches_the_budget() -> None:
    rows = np.eye(40)
    seen: list[tuple[int, int]] = []
    novelselect(rows, np.ones(40), 30, first=0, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embeddings": np.full((4, 2), np.nan)}, "not a number, first in row 0"),
        ({"embeddings": np.zeros((4, 2))}, "row 0 has length 0"),
        ({"embeddings": np.ones(4)}, r"shape \(4,\)"),
        ({"embeddings": 2 * np.eye(4)}, "row 0 has length 2"),
        ({"density": np.ones(3)}, "density must be 4 numbers"),
        ({"density": -np.ones(4)}, "density must be 4 numbers"),
        ({"density": np.full(4, np.inf)}, "density must be 4 numbers"),
        ({"quality": -np.ones(4)}, "quality must be 4 numbers"),
        ({"budget": 0}, "between 1 and the 4 rows"),
        ({"budget": 5}, "between 1 and the 4 rows"),
        ({"first": 4}, "first row must lie between 0 and 3"),
        ({"distance_power": -1.0}, "distance_power"),
        ({"dtype": np.float16}, "dtype must be float32 or float64"),
        ({"farthest": 0.0}, "farthest must be a distance above 0"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], said: str) -> None:
    arguments: dict[str, object] = {
        "embeddings": np.eye(4),
        "density": np.ones(4),
        "budget": 2,
        "first": 0,
        **change,
    }
    with pytest.raises(ValueError, match=said):
        novelselect(**arguments)  # type: ignore[arg-type]


def test_rows_beyond_the_farthest_distance_are_not_passed_over() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 6))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with pytest.raises(ValueError, match=r"beyond farthest=1.2"):
        novelselect(rows, np.ones(300), 100, first=0, farthest=1.2)


def test_any_layout_and_half_precision_are_read() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float16)
    rows /= np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True).astype(np.float16)
    expected = novelselect(rows.astype(np.float32), np.ones(60), 20, first=0).tolist()
    assert novelselect(rows, np.ones(60), 20, first=0).tolist() == expected
    assert novelselect(np.asfortranarray(rows), np.ones(60), 20, first=0).tolist() == expected
    wide = np.repeat(rows, 2, axis=1)[:, ::2]
    assert novelselect(wide, np.ones(60), 20, first=0).tolist() == expected


def test_fewer_distinct_points_than_the_budget() -> None:
    rows = np.repeat(np.eye(2), 3, axis=0)
    picks = novelselect(rows, np.ones(6), 6, first=4)
    assert sorted(picks.tolist()) == [0, 1, 2, 3, 4, 5]
    assert picks[:2].tolist() == [4, 0]


def test_the_strategy_reads_a_quality_column(select: Select, pool: Pool, tmp_path: Path) -> None:
    wanted = [sample.id for sample in pool.samples()][:40]
    scores = {"id": [sample.id for sample in pool.samples()], "reward": [0.0] * len(pool)}
    scores["reward"][:40] = [1.0] * 40
    pq.write_table(pa.table(scores), tmp_path / "scores.parquet")
    spec = f"novelselect:quality={tmp_path / 'scores.parquet'},quality_column=reward"
    picked = select(spec, 20)
    assert set(picked[1:].tolist()) <= set(range(len(wanted)))
    assert picked.tolist() != select("novelselect", 20).tolist()


def test_density_power_zero_needs_no_density(select: Select) -> None:
    assert select("novelselect:density_power=0", 30).tolist() != select("novelselect", 30).tolist()


@given(st.lists(st.integers(0, 9), max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_heap_of_candidates_gives_the_largest_first(numbers: list[int]) -> None:
    values, rows = np.asarray(numbers, dtype=float), np.arange(len(numbers))
    heap_up(values, rows)
    taken, left = [], len(numbers)
    while left:
        taken.append((values[0], rows[0]))
        left = drop_first(values[:left], rows[:left])
    assert [value for value, _ in taken] == sorted(numbers, reverse=True)
    assert sorted(row for _, row in taken) == list(range(len(numbers)))
    assert all(numbers[row] == value for value, row in taken)
