"""Which cells a run consists of: track x strategy x budget x base model x selection seed x training seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from suite.errors import UnknownNameError, UsageError
from suite.registry import Strategy, strategies
from suite.results import CellIdentity
from suite.track import Track

RANDOM = "random"
FULL = "full"
UNTUNED = "untuned"
"""The base model without any fine-tuning: a required reference cell, not a strategy."""


@dataclass(frozen=True)
class Cell:
    """One point of the experiment; `strategy` is None for the untuned base model.

    Rows that are exempt from the budget (the untuned base, the full pool) have budget 0.
    """

    track: Track
    strategy: Strategy | None
    budget: int
    base_model: str
    selection_seed: int
    training_seed: int

    @property
    def identity(self) -> CellIdentity:
        """The cell's identity as results record it."""
        return CellIdentity(
            track=self.track.name,
            track_identity=self.track.identity,
            strategy=self.strategy.name if self.strategy else UNTUNED,
            spec=self.strategy.spec if self.strategy else UNTUNED,
            budget=self.budget,
            base_model=self.base_model,
            selection_seed=self.selection_seed,
            training_seed=self.training_seed,
        )

    def __str__(self) -> str:
        name = self.strategy.spec if self.strategy else UNTUNED
        draw = f" draw {self.selection_seed}" if self.strategy and not self.strategy.info.deterministic else ""
        seed = f" seed {self.training_seed}" if self.strategy else ""
        return f"{name}{draw}{seed}"


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for; None means all that the track registers."""

    strategies: tuple[str, ...] | None = None
    budgets: tuple[int, ...] | None = None
    base_models: tuple[str, ...] | None = None
    seeds: int | None = None
    draws: int | None = None


def chosen_strategies(track: Track, wanted: tuple[str, ...] | None) -> tuple[list[Strategy], list[str]]:
    """The strategies to run, reference rows of the track included, and the names that are not installed here.

    Names given on the command line must exist; names that only the track lists may be missing and are reported.
    """
    missing: list[str] = []
    chosen: dict[str, Strategy] = {}
    for spec in (*(wanted if wanted is not None else track.strategies), *track.reference_rows):
        try:
            strategy = strategies.parse(spec)
        except UnknownNameError:
            if wanted is not None and spec in wanted:
                raise
            missing.append(spec)
            continue
        chosen.setdefault(strategy.spec, strategy)
    return list(chosen.values()), missing


def plan_cells(track: Track, chosen: Sequence[Strategy], wanted: Wanted) -> list[Cell]:
    """Every cell of a run, reference cells first (they take longest and every score needs them)."""
    asked = wanted.base_models or tuple(model.name for model in track.base_models)
    # What is asked for twice is one cell all the same.
    models = tuple(dict.fromkeys(track.base_model(name).name for name in asked))
    budgets = tuple(dict.fromkeys(wanted.budgets or (track.default_budget,)))
    training = track.seeds.training[: _limit(wanted.seeds, len(track.seeds.training), "--seeds")]
    draws = _limit(wanted.draws, track.seeds.random_draws, "--draws")
    cells: list[Cell] = []
    for model in models:
        cells.append(Cell(track, None, 0, model, 0, 0))
        full = [strategy for strategy in chosen if strategy.name == FULL]
        cells += [Cell(track, strategy, 0, model, 0, seed) for strategy in full for seed in training]
        for budget in budgets:
            for strategy in chosen:
                if strategy.name != FULL:
                    cells += [
                        Cell(track, strategy, budget, model, draw, seed)
                        for draw, seed in _seed_pairs(strategy, training, draws)
                    ]
    return cells


def _seed_pairs(strategy: Strategy, training: Sequence[int], draws: int) -> list[tuple[int, int]]:
    """(selection seed, training seed): random crosses them, other randomised strategies pair draw i with seed i."""
    if strategy.name == RANDOM:
        return [(draw, seed) for draw in range(draws) for seed in training]
    if strategy.info.deterministic:
        return [(0, seed) for seed in training]
    return list(enumerate(training))


def _limit(asked: int | None, registered: int, option: str) -> int:
    if asked is None:
        return registered
    if not 1 <= asked <= registered:
        raise UsageError(f"{option} must be between 1 and {registered}, the number the track registers, not {asked}.")
    return asked
