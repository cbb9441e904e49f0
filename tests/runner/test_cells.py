"""Which cells a run has: seeds crossed for random, paired for other randomised strategies, one draw for fixed ones."""

from __future__ import annotations

import pytest

from suite.errors import UnknownNameError, UsageError
from suite.registry import strategies
from suite.runner.cells import Cell, Wanted, chosen_strategies, plan_cells
from suite.track import Track, load_track


@pytest.fixture(scope="module")
def track() -> Track:
    return load_track("microworld")


def seeds_of(cells: list[Cell], name: str) -> list[tuple[int, int]]:
    return [(cell.selection_seed, cell.training_seed) for cell in cells if cell.identity.strategy == name]


def test_seeds_are_crossed_for_random_and_paired_for_the_rest(track: Track) -> None:
    chosen = [strategies.parse(name) for name in ("random", "k-means", "longest", "full")]
    cells = plan_cells(track, chosen, Wanted())
    training = track.seeds.training

    assert seeds_of(cells, "random") == [(draw, seed) for draw in range(track.seeds.random_draws) for seed in training]
    assert seeds_of(cells, "k-means") == list(enumerate(training))
    assert seeds_of(cells, "longest") == [(0, seed) for seed in training]
    assert seeds_of(cells, "full") == [(0, seed) for seed in training]
    assert seeds_of(cells, "untuned") == [(0, 0)]
    assert len({cell.identity.id for cell in cells}) == len(cells)


def test_rows_exempt_from_the_budget_are_shared_by_all_budgets(track: Track) -> None:
    chosen = [strategies.parse("full"), strategies.parse("longest")]
    cells = plan_cells(track, chosen, Wanted(budgets=(100, 500)))

    assert {cell.budget for cell in cells if cell.identity.strategy in ("full", "untuned")} == {0}
    assert sorted(cell.budget for cell in cells if cell.identity.strategy == "longest") == [100] * 3 + [500] * 3


def test_what_is_asked_for_twice_is_planned_once(track: Track) -> None:
    chosen, model = [strategies.parse(name) for name in ("random", "full", "longest")], track.base_models[0].name
    twice = plan_cells(track, chosen, Wanted(budgets=(500, 100, 500), base_models=(model, model)))
    assert twice == plan_cells(track, chosen, Wanted(budgets=(500, 100), base_models=(model,)))
    assert len({cell.identity.id for cell in twice}) == len(twice)


def test_fewer_seeds_are_the_first_registered_ones(track: Track) -> None:
    cells = plan_cells(track, [strategies.parse("random")], Wanted(seeds=1, draws=2))
    assert seeds_of(cells, "random") == [(0, track.seeds.training[0]), (1, track.seeds.training[0])]


@pytest.mark.parametrize("wanted", [Wanted(seeds=0), Wanted(seeds=99), Wanted(draws=0)])
def test_seeds_that_are_not_registered_are_refused(track: Track, wanted: Wanted) -> None:
    with pytest.raises(UsageError, match="the number the track registers"):
        plan_cells(track, [], wanted)


def test_an_unknown_base_model_is_named(track: Track) -> None:
    with pytest.raises(UnknownNameError, match="no base model of track microworld 'llama'"):
        plan_cells(track, [], Wanted(base_models=("llama",)))


def test_reference_rows_join_and_names_that_only_the_track_lists_may_be_missing(track: Track) -> None:
    changed = track.model_copy(update={"strategies": ("random", "not-yet-written"), "reference_rows": ("full",)})
    chosen, missing = chosen_strategies(changed, None)
    assert [strategy.name for strategy in chosen] == ["random", "full"]
    assert missing == ["not-yet-written"]
    with pytest.raises(UnknownNameError, match="Did you mean 'random'"):
        chosen_strategies(changed, ("randon",))
