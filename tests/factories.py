"""Builders of real records for tests: results of a made-up experiment with known effects."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from suite.aggregate import Registration
from suite.results import CellIdentity, Cost, Hashes, Result, TaskScore, Training

IDENTITY = hashlib.sha256(b"track").hexdigest()


def sha(text: str) -> str:
    """A hash of 64 digits for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def registration(seeds: int = 3, draws: int = 5) -> Registration:
    """A track with training seeds 0, 1, 2, ..."""
    return Registration("microworld", IDENTITY, tuple(range(seeds)), draws)


def task(values: np.ndarray | Sequence[float], name: str = "exact", **changes: Any) -> TaskScore:
    """A task with the given per-item values; exact match unless `unit` says bits per byte."""
    facts: dict[str, Any] = {"kind": "exact-match", "unit": "accuracy", "chance": 0.0, "items_sha256": sha(name)}
    return TaskScore.pack(np.asarray(values), name=name, **(facts | changes))


def result(
    tasks: Sequence[TaskScore] | None = None,
    *,
    spec: str = "longest",
    budget: int = 500,
    selection_seed: int = 0,
    training_seed: int = 0,
    reference: bool = False,
    **changes: Any,
) -> Result:
    """A valid result; `changes` are fields of Result, CellIdentity, Hashes or Cost."""
    strategy = spec.partition(":")[0]
    cell: dict[str, Any] = {
        "track": "microworld",
        "track_identity": IDENTITY,
        "strategy": strategy,
        "spec": spec,
        "budget": budget,
        "base_model": "micro",
        "selection_seed": selection_seed,
        "training_seed": training_seed,
    }
    hashes: dict[str, Any] = {
        "pool": sha("pool"),
        "selection": None if strategy == "untuned" else sha(spec),
        "base_weights": sha("base"),
        "weights": sha(f"{spec} {selection_seed} {training_seed}"),
    }
    cost: dict[str, Any] = {
        "host": "here",
        "hardware": "2 cores",
        "finished_at": "2025-01-01T00:00:00Z",
        "feature_seconds": 1.0,
        "selection_seconds": 0.5,
        "training_seconds": 10.0,
        "evaluation_seconds": 5.0,
        "peak_memory_bytes": 10**8,
        "training_flops": 1e12,
        "evaluation_tokens": 1000,
    }
    training = Training(
        samples=budget,
        dropped_by_truncation=0,
        steps=10,
        tokens_seen=1000,
        trained_tokens=500,
        final_loss=1.5,
        loss_curve=((1, 3.0), (10, 1.5)),
    )
    facts: dict[str, Any] = {
        "reference": reference,
        "selection_size": budget,
        "parameters": {},
        "engine": "transformers",
        "versions": {"torch": "2"},
        "training": None if strategy == "untuned" else training,
        "tasks": tuple(tasks) if tasks is not None else (task([1.0, 0.0, 1.0]),),
        "first_prompt_ids": (1, 2, 3),
    }
    for key, value in changes.items():
        place = next((part for part in (cell, hashes, cost) if key in part), facts)
        place[key] = value
    return Result(cell=CellIdentity(**cell), hashes=Hashes(**hashes), cost=Cost(**cost), **facts)


def experiment(
    effects: dict[str, float],
    *,
    seeds: int = 3,
    draws: int = 5,
    tasks: int = 2,
    items: int = 200,
    noise: float = 0.02,
    rng: np.random.Generator | None = None,
) -> list[Result]:
    """A whole experiment: `untuned`, `full`, `random` and a row for each of `effects`.

    Items have their own difficulty; a model's ability is 0.5 plus the row's effect plus noise of its training seed,
    and it solves the items whose difficulty lies below. The last task is a likelihood in bits per byte.
    """
    rng = rng or np.random.default_rng(7)
    difficulty = rng.random((tasks, items))

    def evaluated(ability: float) -> list[TaskScore]:
        solved = (difficulty + rng.normal(0, 0.1, difficulty.shape) < ability).astype(float)
        scores = [task(solved[number], f"exact-{number}") for number in range(tasks - 1)]
        bits = 4 - ability + difficulty[-1] + rng.normal(0, 0.05, items)
        return [*scores, task(bits, "likelihood", kind="likelihood", unit="bits-per-byte")]

    found = [result(evaluated(0.0), spec="untuned", budget=0, reference=True)]
    for seed in range(seeds):
        found.append(result(evaluated(0.9), spec="full", budget=0, training_seed=seed, reference=True))
        for draw in range(draws):
            ability = 0.5 + rng.normal(0, noise)
            found.append(result(evaluated(ability), spec="random", selection_seed=draw, training_seed=seed))
        for spec, effect in effects.items():
            ability = 0.5 + effect + rng.normal(0, noise)
            found.append(result(evaluated(ability), spec=spec, training_seed=seed, reference=spec == "oracle"))
    return found
