"""Ladders with known effects: a plan of the embedded track, selections and results made up for it."""

from __future__ import annotations

from collections.abc import Callable

from factories import experiment

from suite.registry import LevelReport, strategies
from suite.results import Result
from suite.studies.ladder_plan import LadderPlan, plan_ladder
from suite.studies.levels import LevelRow, Point
from suite.track import Track, load_track

TWO = ("micro-response", "macro-instruction")


def ladder_plan(**changes: object) -> LadderPlan:
    """A ladder of two strategies of the embedded track."""
    return plan_ladder(load_track("microworld"), **{"specs": TWO, **changes})  # type: ignore[arg-type]


def of_track(results: list[Result], track: Track) -> list[Result]:
    """The same results as if that track had made them, draw i with training seed i but for `random`."""
    changed = []
    for record in results:
        name = record.cell.strategy
        paired = name not in ("random", "untuned") and not strategies.get(name).info.deterministic
        changes = {
            "track": track.name,
            "track_identity": track.identity,
            "base_model": track.base_models[0].name,
            "selection_seed": record.cell.training_seed if paired else record.cell.selection_seed,
        }
        changed.append(record.model_copy(update={"cell": record.cell.model_copy(update=changes)}))
    return changed


def ladder_results(plan: LadderPlan, effect: Callable[[Point], float], **changes: object) -> list[Result]:
    """Results of every cell of the plan; `effect` says how far a point's models stand above random."""
    effects = {point.strategy.spec: effect(point) for point in plan.points}
    made = experiment(effects, seeds=len(plan.training_seeds), **changes)  # type: ignore[arg-type]
    return of_track(made, plan.track)


def ladder_selected(
    plan: LadderPlan, length: Callable[[Point], float], problem: Callable[[Point], str] = lambda point: ""
) -> dict[tuple[str, int], LevelRow]:
    """What came of every draw: a report and a response length, or a problem."""
    rows = {}
    for point in plan.draws:
        report = LevelReport(100, 10, round(10 + 90 * (point.level or 0)), 10, 20)
        row = LevelRow(point, report=report, mean_response_length=length(point) + 0.1 * point.seed)
        rows[point.strategy.spec, point.seed] = LevelRow(point, problem=problem(point)) if problem(point) else row
    return rows
