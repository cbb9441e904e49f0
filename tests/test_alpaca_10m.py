"""The alpaca-10m track: the pool, corpus and tasks of alpaca-cpu, a base model of ten million parameters, one GPU."""

from __future__ import annotations

import pytest

from suite.registry import strategies
from suite.track import BuiltModel, Track, load_track


@pytest.fixture(scope="module")
def track() -> Track:
    """The track as it comes with Breadth."""
    return load_track("alpaca-10m")


def test_pool_and_tasks_are_those_of_alpaca_cpu(track: Track) -> None:
    small = load_track("alpaca-cpu")
    assert track.pool == small.pool
    assert [(task.name, task.data) for task in track.evaluation.tasks] == [
        (task.name, task.data) for task in small.evaluation.tasks
    ]
    for ours, theirs in zip(track.evaluation.tasks, small.evaluation.tasks, strict=True):
        assert theirs.limit is None or ours.limit is None or ours.limit > theirs.limit


def test_the_corpus_keeps_out_what_that_of_alpaca_cpu_keeps_out(track: Track) -> None:
    ours, theirs = track.base_models[0], load_track("alpaca-cpu").base_models[0]
    assert isinstance(ours, BuiltModel)
    assert isinstance(theirs, BuiltModel)
    assert ours.corpus == theirs.corpus
    assert ours.exclude_sources == theirs.exclude_sources
    assert ours.exclude_ids == theirs.exclude_ids


def test_the_base_model_has_about_ten_million_parameters(track: Track) -> None:
    from suite.base_models.pretrain import LlamaSpec, llama

    (model,) = track.base_models
    assert isinstance(model, BuiltModel)
    shape = LlamaSpec(
        hidden=model.hidden,
        layers=model.layers,
        heads=model.heads,
        kv_heads=model.kv_heads,
        intermediate=model.intermediate,
        vocab=model.vocabulary,
        max_positions=model.positions,
    )
    built = llama(shape, (0, 1, 2), seed=0)
    assert sum(parameter.numel() for parameter in built.parameters()) == 10_227_072
    assert track.recipe.max_length <= model.positions


def test_every_strategy_that_makes_sense_there_is_a_row(track: Track) -> None:
    rows = {strategies.parse(spec).name for spec in (*track.strategies, *track.reference_rows)}
    ours = {kind.info.name for kind in strategies if kind.__module__.startswith("strategies.")}
    assert rows == ours - {"oracle"}
    sets = [spec for spec in track.strategies if spec.startswith("published:")]
    # CaR kept 1,013 rows, fewer than the budget.
    assert len(sets) == 4
    assert "published:set=car" not in sets


def test_full_sees_more_than_a_budget_and_each_row_once(track: Track) -> None:
    steps = track.default_budget * track.recipe.epochs / track.recipe.batch_size
    assert track.recipe.max_steps is not None
    assert steps < track.recipe.max_steps <= track.pool.size / track.recipe.batch_size
