"""Stores that the browser opens: the committed results, made-up ones of any number, and damaged ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from factories import result, task
from reports import of_track, stored

from suite.atomic import write_bytes
from suite.boards import track_files
from suite.results import Result, TaskScore
from suite.stores import LocalStore
from suite.track import load_track

COMMITTED = Path(__file__).parents[2] / "docs" / "results" / "store"
MICROWORLD = load_track("microworld")
BUDGETS = (125, 250, 500, 1000, 2000, 4000, 8000, 12000)
SEEDS, DRAWS, TASKS, ITEMS = 3, 5, 4, 40
SCORES = 64
"""Different outcomes of a task: made-up records share them, for packing 40,000 of them would take the time."""


def prepared(store: LocalStore, *tracks: str) -> LocalStore:
    """The store with the tables that `breadth recompute` writes."""
    for name in tracks or (MICROWORLD.name,):
        for path, content in track_files(load_track(name), store).items():
            write_bytes(store.folder / path, content)
    return store


def committed(folder: Path) -> LocalStore:
    """A copy of the committed results and studies of both tracks, with their tables."""
    shutil.copytree(COMMITTED, folder)
    return prepared(LocalStore(folder), "microworld", "alpaca-cpu")


def made(folder: Path, results: Sequence[Result]) -> LocalStore:
    """These results as microworld's, with their tables."""
    return prepared(stored(folder, of_track(results, MICROWORLD)))


def many(folder: Path, count: int = 10_000) -> LocalStore:
    """`count` results of microworld at eight budgets, half of the rows variants, with their tables."""
    store = LocalStore(folder)
    for record in of_track(list(_many(count)), MICROWORLD):
        # As `put` would, without waiting for the disk 10,000 times.
        path = store.folder / record.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(record.to_json(), encoding="utf-8")
    return prepared(store)


def _many(count: int) -> Iterator[Result]:
    yield result(_outcome(0, 0), spec="untuned", budget=0, reference=True)
    rest = count - 1
    for seed in range(SEEDS):
        yield result(_outcome(SCORES - 1, seed), spec="full", budget=0, training_seed=seed, reference=True)
        rest -= 1
    cells = [(budget, "random", draw, seed) for budget in BUDGETS for draw in range(DRAWS) for seed in range(SEEDS)]
    row = 0
    while len(cells) < rest:
        # Every second row is another setting of the row before it.
        spec = f"made-up-{row // 2}" + (f":setting={row}" if row % 2 else "")
        cells += [(budget, spec, 0, seed) for budget in BUDGETS for seed in range(SEEDS)]
        row += 1
    for at, (budget, spec, draw, seed) in enumerate(cells[:rest]):
        ability = 20 + at * 7919 % 24 + BUDGETS.index(budget)
        yield result(_outcome(ability, seed), spec=spec, budget=budget, selection_seed=draw, training_seed=seed)


@cache
def _outcome(ability: int, seed: int) -> tuple[TaskScore, ...]:
    """Scores on every task of a model that solves the items whose difficulty lies below its ability, of SCORES."""
    rng = np.random.default_rng([ability, seed])
    difficulty = np.random.default_rng(1).random((TASKS, ITEMS)) * SCORES
    solved = difficulty + rng.normal(0, 4, difficulty.shape) < ability
    return tuple(task(solved[at].astype(float), f"exact-{at}") for at in range(TASKS))
