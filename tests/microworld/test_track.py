"""The track `microworld`: what its file says is what the world gives."""

from __future__ import annotations

from suite.evaluation.loading import load_tasks
from suite.microworld import world
from suite.microworld.compositions import COMPOSITIONS
from suite.microworld.families import FAMILIES
from suite.microworld.world import ITEMS_PER_COMPOSITION, ITEMS_PER_FAMILY
from suite.pool import pool_from_records
from suite.track import load_track

TRACK = load_track("microworld")


def test_the_pool_is_the_one_pinned() -> None:
    assert TRACK.pool.kind == "microworld"
    pool = pool_from_records(world(TRACK.pool.world_seed).pool_samples(TRACK.pool.size))
    assert pool.fingerprint == TRACK.pool.fingerprint


def test_tasks_are_every_group_by_text_and_by_likelihood() -> None:
    tasks = {task.name: task for task in load_tasks(TRACK)}
    groups = ("words", "numbers", "lists", "records", "compositional")
    assert set(tasks) == {f"{group}-{kind}" for group in groups for kind in ("exact-match", "likelihood")}
    items = [item for name, task in tasks.items() if name.endswith("likelihood") for item in task.items]
    assert len(items) == ITEMS_PER_FAMILY * len(FAMILIES) + ITEMS_PER_COMPOSITION * len(COMPOSITIONS)
    for group in groups:
        assert tasks[f"{group}-exact-match"].items == tasks[f"{group}-likelihood"].items


def test_the_budget_reaches_every_family_evenly() -> None:
    assert TRACK.pool.kind == "microworld"
    families = world(TRACK.pool.world_seed).hidden_families(TRACK.pool.size)
    smallest = min((families == number).sum() for number in range(len(FAMILIES)))
    assert smallest >= TRACK.default_budget / len(FAMILIES)


def test_registered_seeds() -> None:
    assert len(TRACK.seeds.training) == 3
    assert TRACK.seeds.random_draws == 5
