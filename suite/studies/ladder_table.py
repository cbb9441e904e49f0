"""The ladder's outcome, from results alone: a row a level, a slope and a rank correlation a strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from suite.aggregate import Registration
from suite.aggregate.rows import RANDOM
from suite.studies.kept import KeptPart, KeptStudy, Number
from suite.studies.scored import Scored, scored
from suite.studies.slopes import (
    FEWEST_LEVELS,
    FittedLine,
    PartialSlope,
    RankCorrelation,
    fitted_line,
    partial_slope,
    rank_correlation,
)

if TYPE_CHECKING:
    from suite.results import Result
    from suite.runner.cells import Cell
    from suite.statistics.intervals import Estimate
    from suite.studies.ladder_plan import Family, LadderPlan
    from suite.studies.levels import LevelRow

State = Literal["complete", "incomplete", "out of reach"]


class KeptEstimate(KeptPart):
    """A mean with its 95 % interval and two-sided p against zero; normalised, 0 is chance and 1 perfect (or full)."""

    mean: Number
    low: Number
    high: Number
    p: Number


class LadderLevel(KeptPart):
    """One level of one strategy; per-seed lists run over `seeds`, the training seeds that have a result.

    `lengths` are mean response lengths in tokens of the target model, one a seed (each seed has its own draw).
    """

    level: float
    spec: str
    state: State
    problem: str
    kept_types: int | None
    all_types: int | None
    mean_length: Number
    seeds: tuple[int, ...]
    lengths: tuple[float, ...]
    scores: tuple[float, ...]
    score: KeptEstimate | None
    difference: KeptEstimate | None


class LadderStrategy(KeptPart):
    """One strategy over its levels; `why_no_slope` says what keeps it from a line, or is empty.

    Lines are fitted to the means of the levels in reach, one point a level. `above_lowest` is the line without the
    lowest level, whose few types may make a slope by themselves; None where fewer than three levels remain.
    """

    spec: str
    name: str
    family: str
    controlled: bool
    levels: tuple[LadderLevel, ...]
    line: FittedLine | None
    above_lowest: FittedLine | None = None
    at_equal_length: PartialSlope | None
    spearman: RankCorrelation | None
    why_no_slope: str


class LadderTable(KeptStudy):
    """The ladder of one track, budget and base model.

    `reduced` says in what it falls short of the registered ladder, `incomplete` which cells have no result. Version 1
    took single seeds for independent points, which made bands too narrow by a factor of two to three.
    """

    schema_version: int = 2
    budget: int
    base_model: str
    base_weights: str
    score_version: str
    training_seeds: tuple[int, ...]
    random: KeptEstimate | None
    random_draws: tuple[float, ...]
    tasks: tuple[str, ...]
    strategies: tuple[LadderStrategy, ...]
    reduced: tuple[str, ...]
    incomplete: tuple[str, ...]
    withheld: str

    def renewed(self) -> Self:
        """This ladder as version 2 has it: one of version 1 holds every score, and its lines are fitted anew.

        Raises ValueError or ArithmeticError on scores and levels that no line can be fitted to.
        """
        if self.schema_version >= 2:
            return self
        strategies = tuple(
            one if one.line is None else one.model_copy(update=_fitted(in_reach(one.levels))) for one in self.strategies
        )
        return self.model_copy(update={"schema_version": 2, "strategies": strategies})


def ladder_table(
    plan: LadderPlan,
    selected: Mapping[tuple[str, int], LevelRow],
    results: Sequence[Result],
    missing: Sequence[Cell],
) -> LadderTable:
    """The table of a plan: what came of each (spec, draw), results of cells in reach, and those cells that have none.

    Deterministic. Raises StoreError when results cannot stand in one table.
    """
    outcome = scored(results, Registration.of(plan.track))
    random = outcome.specs.get(RANDOM)
    strategies = tuple(_strategy(plan, family, selected, outcome) for family in plan.families)
    return LadderTable(
        track=plan.track.name,
        budget=plan.budget,
        base_model=plan.base_model,
        base_weights=outcome.table.base_weights,
        score_version="score_v1",
        training_seeds=plan.training_seeds,
        random=kept_estimate(random.row.score) if random else None,
        random_draws=outcome.random_draws,
        tasks=tuple(task.name for task in outcome.table.tasks if task.enters),
        strategies=strategies,
        reduced=plan.reduced,
        incomplete=tuple(str(cell) for cell in missing),
        withheld=outcome.why_no_score,
    )


def kept_estimate(estimate: Estimate | None) -> KeptEstimate | None:
    """An estimate in the form that is kept."""
    if estimate is None:
        return None
    return KeptEstimate(mean=estimate.mean, low=estimate.low, high=estimate.high, p=estimate.p)


def _strategy(
    plan: LadderPlan, family: Family, selected: Mapping[tuple[str, int], LevelRow], outcome: Scored
) -> LadderStrategy:
    points = [point for point in plan.points if point.family == family.spec]
    levels = tuple(
        _level(point.level or 0.0, plan.cells_of(point.strategy), selected, outcome, plan.training_seeds)
        for point in points
    )
    reached = in_reach(levels)
    why = _why_no_slope(levels, reached, outcome)
    strategy = LadderStrategy(
        spec=family.spec,
        name=family.strategy.name,
        family=family.strategy.info.level,
        controlled=family.controlled,
        levels=levels,
        line=None,
        above_lowest=None,
        at_equal_length=None,
        spearman=None,
        why_no_slope=why,
    )
    return strategy if why else strategy.model_copy(update=_fitted(reached))


def in_reach(levels: Sequence[LadderLevel]) -> list[LadderLevel]:
    """The levels at which the budget can be picked."""
    return [level for level in levels if level.state != "out of reach"]


def _fitted(reached: Sequence[LadderLevel]) -> dict[str, FittedLine | PartialSlope | RankCorrelation | None]:
    """What is fitted to the levels in reach, all of them complete, by field of `LadderStrategy`: a point a level."""
    if not all(level.scores and level.lengths for level in reached):
        raise ValueError("a level lacks its scores or response lengths")
    at = [level.level for level in reached]
    scores = [float(np.mean(level.scores)) for level in reached]
    lengths = [float(np.mean(level.lengths)) for level in reached]
    return {
        "line": fitted_line(at, scores),
        "above_lowest": fitted_line(at[1:], scores[1:]) if len(reached) > FEWEST_LEVELS else None,
        "at_equal_length": partial_slope(at, lengths, scores),
        "spearman": rank_correlation(at, scores),
    }


def _level(
    level: float,
    cells: Sequence[Cell],
    selected: Mapping[tuple[str, int], LevelRow],
    outcome: Scored,
    training_seeds: Sequence[int],
) -> LadderLevel:
    spec = cells[0].identity.spec
    rows = {cell.training_seed: selected[spec, cell.selection_seed] for cell in cells}
    problems = list(dict.fromkeys(row.problem for row in rows.values() if row.problem))
    found = None if problems else outcome.specs.get(spec)
    lengths = {seed: row.mean_response_length for seed, row in rows.items() if row.mean_response_length is not None}
    report = next((row.report for row in rows.values() if row.report is not None), None)
    state: State = "out of reach" if problems else "incomplete"
    if found is not None and set(found.seeds) >= set(training_seeds):
        state = "complete"
    return LadderLevel(
        level=level,
        spec=spec,
        state=state,
        problem="; ".join(problems),
        kept_types=report.kept_types if report else None,
        all_types=report.all_types if report else None,
        mean_length=float(np.mean(list(lengths.values()))) if lengths and not problems else None,
        seeds=found.seeds if found else (),
        lengths=tuple(lengths[seed] for seed in found.seeds) if found else (),
        scores=found.per_seed if found else (),
        score=kept_estimate(found.row.score) if found else None,
        difference=kept_estimate(found.row.difference) if found else None,
    )


def _why_no_slope(levels: Sequence[LadderLevel], reached: Sequence[LadderLevel], outcome: Scored) -> str:
    if outcome.why_no_score:
        return f"no score: {outcome.why_no_score}"
    partial = [level for level in reached if level.state == "incomplete"]
    if partial:
        return f"incomplete: {len(partial)} of {len(levels)} levels lack results of seeds"
    if len(reached) < FEWEST_LEVELS:
        return f"{len(reached)} of {len(levels)} levels are in reach, and a slope needs {FEWEST_LEVELS}"
    return ""
