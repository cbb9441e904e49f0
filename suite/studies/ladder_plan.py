"""What a ladder consists of: diversity-controlled strategies x levels x registered seeds, with the reference cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import UsageError
from suite.registry import strategies
from suite.runner.cells import FULL, RANDOM, Cell, Wanted, plan_cells
from suite.studies.levels import DEFAULT_LEVELS, LevelsPlan, Point, levelled_strategies, plan_levels

if TYPE_CHECKING:
    from suite.registry import Strategy
    from suite.track import Track


@dataclass(frozen=True)
class Family:
    """One strategy of the ladder; `controlled` says that its selections are matched in length at every level."""

    spec: str
    strategy: Strategy
    controlled: bool


@dataclass(frozen=True)
class LadderPlan:
    """A ladder on one budget and base model. `reduced` says in what it falls short of the registered one."""

    track: Track
    budget: int
    base_model: str
    training_seeds: tuple[int, ...]
    families: tuple[Family, ...]
    levels: tuple[float, ...]
    points: tuple[Point, ...]
    cells: tuple[Cell, ...]
    reduced: tuple[str, ...]

    @property
    def selections(self) -> LevelsPlan:
        """Every draw of every point as a plan of the levels study."""
        return LevelsPlan(self.draws, (), self.budget)

    @property
    def draws(self) -> tuple[Point, ...]:
        """The points once for each selection draw that a cell of theirs uses."""
        wanted: dict[str, list[int]] = {}
        for cell in self.cells:
            if cell.strategy is not None and cell.budget == self.budget:
                wanted.setdefault(cell.strategy.spec, []).append(cell.selection_seed)
        return tuple(
            dataclasses.replace(point, seed=draw)
            for point in self.points
            for draw in dict.fromkeys(wanted[point.strategy.spec])
        )

    def cells_of(self, strategy: Strategy) -> list[Cell]:
        """The cells of one level of one strategy."""
        return [cell for cell in self.cells if cell.strategy is not None and cell.strategy.spec == strategy.spec]


def plan_ladder(
    track: Track,
    *,
    specs: Sequence[str] | None = None,
    levels: int | None = None,
    budget: int | None = None,
    base_model: str | None = None,
    seeds: int | None = None,
    length_control: bool = False,
) -> LadderPlan:
    """The ladder of a track; everything left out is as registered.

    With `length_control` every strategy stands twice: as it is, and with `match_length=true`, so that mean response
    length is the same (the pool's) at every level of every strategy. Raises UsageError for a strategy without levels,
    for one that cannot match lengths, and for seeds the track does not register.
    """
    size = budget or track.default_budget
    model = track.base_model(base_model).name
    chosen = levelled_strategies(specs)
    families = [Family(strategy.spec, strategy, False) for strategy in chosen]
    if length_control:
        families += [_matched(strategy) for strategy in chosen]
    given = [family.spec for family in families]
    points = plan_levels(track, specs=given, budgets=[size], levels=levels).points
    references = [strategies.parse(name) for name in (FULL, RANDOM)]
    cells = plan_cells(
        track,
        [*references, *(point.strategy for point in points)],
        Wanted(budgets=(size,), base_models=(model,), seeds=seeds),
    )
    rungs = tuple(dict.fromkeys(point.level for point in points if point.level is not None))
    training = tuple(dict.fromkeys(cell.training_seed for cell in cells if cell.strategy is not None))
    return LadderPlan(
        track=track,
        budget=size,
        base_model=model,
        training_seeds=training,
        families=tuple(families),
        levels=rungs,
        points=points,
        cells=tuple(cells),
        reduced=tuple(_reduced(track, {strategy.name for strategy in chosen}, rungs, training)),
    )


def _matched(strategy: Strategy) -> Family:
    names = {field.name for field in dataclasses.fields(strategy)}  # type: ignore[arg-type]
    if "match_length" not in names:
        raise UsageError(
            f"Strategy {strategy.name!r} cannot match response lengths (it has no match_length); "
            "leave --length-control out, or the strategy."
        )
    if strategy.parameters["match_length"]:
        raise UsageError(f"Leave match_length out of {strategy.spec!r}: --length-control repeats the ladder with it.")
    matched = dataclasses.replace(strategy, match_length=True)  # type: ignore[type-var]
    return Family(matched.spec, matched, True)


def _reduced(track: Track, names: set[str], levels: Sequence[float], training: Sequence[int]) -> list[str]:
    """In what a plan falls short of the registered ladder: strategies, levels, seeds."""
    short = []
    if missing := sorted({strategy.name for strategy in levelled_strategies()} - names):
        short.append(f"without {', '.join(missing)}")
    registered = len(track.diversity_levels) or DEFAULT_LEVELS
    if len(levels) < registered:
        short.append(f"{len(levels)} of {registered} levels")
    if len(training) < len(track.seeds.training):
        short.append(f"{len(training)} of {len(track.seeds.training)} registered seeds")
    return short
