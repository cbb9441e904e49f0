"""The alpaca-cpu track: what it states agrees with the real pool, the real files and the budget of a small machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.evaluation.loading import load_tasks
from suite.pool.loading import load_pool
from suite.track import BuiltModel, DatasetPool, Track, load_track


@pytest.fixture(scope="module")
def track() -> Track:
    """The track as it comes with Breadth."""
    return load_track("alpaca-cpu")


def test_budgets_seeds_and_rows(track: Track) -> None:
    assert track.budget_sizes == (500, 2000)
    assert track.default_budget == 500
    assert len(track.seeds.training) == 3
    assert track.seeds.random_draws == 5
    assert {"full", "duplicate"} <= set(track.reference_rows)
    assert {"random", "longest", "k-center", "facility-location"} <= set(track.strategies)


def test_the_pool_is_pinned_and_says_what_was_not_verified(track: Track) -> None:
    assert isinstance(track.pool, DatasetPool)
    assert (track.pool.hub, len(track.pool.revision)) == ("tatsu-lab/alpaca", 40)
    assert track.pool.hub_agreement == "not verified"
    assert track.pool.fingerprint is not None


def test_the_base_model_has_two_to_three_million_parameters(track: Track) -> None:
    (model,) = track.base_models
    assert isinstance(model, BuiltModel)
    assert model.vocabulary == 4096
    head = model.hidden // model.heads
    attention = 2 * model.hidden * model.hidden + 2 * model.hidden * model.kv_heads * head
    layer = attention + 3 * model.hidden * model.intermediate + 2 * model.hidden
    parameters = model.vocabulary * model.hidden + model.layers * layer + model.hidden
    assert 2_000_000 <= parameters <= 3_000_000
    assert track.recipe.max_length <= model.positions


def test_a_full_row_costs_no_more_steps_than_the_largest_budget(track: Track) -> None:
    steps = track.budget_sizes[-1] * track.recipe.epochs / track.recipe.batch_size
    assert track.recipe.max_steps is not None
    assert track.recipe.max_steps <= steps


def test_every_file_is_pinned_by_commit_and_hash_and_commonsense_qa_is_left_out(track: Track) -> None:
    for task in track.evaluation.tasks:
        assert task.data is not None
        owner, name, commit = task.data.url.removeprefix("https://raw.githubusercontent.com/").split("/")[:3]
        assert owner
        assert name
        assert len(commit) == 40
        assert task.data.sha256
        assert "commonsense_qa" not in task.data.url


def test_the_real_pool_and_tasks_are_those_pinned(
    breadth_data: Path, monkeypatch: pytest.MonkeyPatch, track: Track
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    assert len(load_pool(track)) == track.pool.size
    tasks = load_tasks(track)
    assert [task.name for task in tasks] == [spec.name for spec in track.evaluation.tasks]
    for task, spec in zip(tasks, track.evaluation.tasks, strict=True):
        assert spec.limit is None or len(task.items) == spec.limit
        assert all(item.instruction and item.reference for item in task.items)
        if task.kind == "multiple-choice":
            assert {len(item.choices) for item in task.items} == {round(1 / task.chance)}
