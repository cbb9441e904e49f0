"""The levels study: diversity-controlled strategies x levels x budgets, selected, stored and measured (M2M).

    plan = plan_levels(track, ...)
    study = LevelsStudy(experiment, plan, base_model, folder)
    table = study.run()

Every selection lies in the folder as JSON when `run` returns. Selections, reports and measurements are cached by
content, so a second run picks up where the first one stopped; a level out of reach is a row that says why.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from suite.errors import FeatureError, SelectionError, UsageError
from suite.features import Tokens
from suite.registry import HasLevels, LevelReport, Strategy, strategies
from suite.runner.cells import RANDOM
from suite.runner.stages import read_record, write_record
from suite.studies.measured import Measurer
from suite.studies.movement import Movement, movement

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.registry import Metric
    from suite.runner.experiment import Experiment
    from suite.runner.selecting import Selector
    from suite.selection import Selection
    from suite.track import Track

DEFAULT_LEVELS = 7

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Point:
    """One selection of the study; `level` is None for a random draw."""

    family: str
    strategy: Strategy
    level: float | None
    budget: int
    seed: int

    @property
    def file(self) -> str:
        """A file name of its own within the study."""
        place = f"draw-{self.seed}" if self.level is None else f"level-{self.level:.4f}"
        draw = f"_draw-{self.seed}" if self.seed and self.level is not None else ""
        return f"{re.sub(r'[^a-z0-9.]+', '-', self.family.lower())}_{self.budget}_{place}{draw}.json"


@dataclass(frozen=True)
class LevelsPlan:
    """What the study consists of: its points, the metrics, and the budget at which they are measured."""

    points: tuple[Point, ...]
    metrics: tuple[Metric, ...]
    measured_budget: int

    @property
    def measurements(self) -> int:
        """How many values are measured in all."""
        return len(self.metrics) * sum(point.budget == self.measured_budget for point in self.points)


@dataclass(frozen=True)
class LevelRow:
    """What came of one point: its report and response length in tokens, or the `problem` that kept it from selecting.

    `metrics` holds a value for each metric that has one; `failures` says what kept the others from theirs.
    """

    point: Point
    selection: Selection | None = None
    report: LevelReport | None = None
    mean_response_length: float | None = None
    seconds: float | None = None
    problem: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LevelsTable:
    """The study's outcome."""

    rows: tuple[LevelRow, ...]
    movements: tuple[Movement, ...]


class ReportRecord(BaseModel):
    """The cached form of a LevelReport."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all_types: int
    fewest_types: int
    kept_types: int
    covered_kept_types: int
    covered_types: int


def plan_levels(
    track: Track,
    *,
    specs: Sequence[str] | None = None,
    budgets: Sequence[int] | None = None,
    levels: int | None = None,
    metrics: Sequence[Metric] = (),
    seed: int = 0,
) -> LevelsPlan:
    """The points of a study: every strategy (all that have levels) x budget (the track's) x level.

    `levels` is a number of evenly spaced levels; None is the track's own, or 7. Metrics are measured at the track's
    default budget, or the first of `budgets` where that is left out; random draws of that size come with them. Raises
    UsageError for a strategy without levels or one that is given its level.
    """
    sizes = tuple(dict.fromkeys(budgets or track.budget_sizes))
    measured = track.default_budget if track.default_budget in sizes else sizes[0]
    ladder = evenly_spaced(levels) if levels is not None or not track.diversity_levels else track.diversity_levels
    points = [
        Point(family.spec, at_level(family, level), level, budget, seed)
        for family in levelled_strategies(specs)
        for budget in sizes
        for level in ladder
    ]
    if metrics:
        chance = strategies.parse(RANDOM)
        points += [Point(RANDOM, chance, None, measured, draw) for draw in range(track.seeds.random_draws)]
    return LevelsPlan(tuple(points), tuple(metrics), measured)


def evenly_spaced(levels: int | None) -> tuple[float, ...]:
    """`levels` levels from 0 to 1."""
    count = DEFAULT_LEVELS if levels is None else levels
    if count < 2:
        raise UsageError(f"--levels must be at least 2, the lowest and the highest, not {count}.")
    return tuple(np.linspace(0, 1, count).tolist())


def levelled_strategies(specs: Sequence[str] | None = None) -> list[Strategy]:
    """The named strategies, or all there are, that have levels of diversity, at level 1."""
    if specs is None:
        # Only a class with such a field is built: others may need parameters that nobody gave.
        named = [cls.info.name for cls in strategies if "diversity" in _field_names(cls)]
        return [strategy for strategy in map(strategies.parse, named) if isinstance(strategy, HasLevels)]
    chosen: dict[str, Strategy] = {}
    for spec in specs:
        strategy = strategies.parse(spec)
        if not isinstance(strategy, HasLevels):
            known = ", ".join(other.name for other in levelled_strategies())
            raise UsageError(f"Strategy {strategy.name!r} has no levels of diversity. These have: {known or 'none'}.")
        if "diversity=" in spec:
            raise UsageError(f"Leave `diversity` out of {spec!r}: the study sets it to each of its levels.")
        chosen.setdefault(strategy.spec, strategy)
    return list(chosen.values())


def at_level(strategy: Strategy, level: float) -> Strategy:
    """The strategy at another level of diversity."""
    return dataclasses.replace(strategy, diversity=level)  # type: ignore[type-var]


def _field_names(cls: type[Strategy]) -> set[str]:
    return {item.name for item in dataclasses.fields(cls)}  # type: ignore[arg-type]


class LevelsStudy:
    """Carries out a plan for one base model; selections go to `folder`/selections, or nowhere else without one."""

    def __init__(self, experiment: Experiment, plan: LevelsPlan, base_model: str, folder: Path | None):
        self.experiment = experiment
        self.plan = plan
        self.folder = folder
        self.base_model = base_model

    @property
    def selector(self) -> Selector:
        """The select stage, with the pool and its features."""
        return self.experiment.selector(self.base_model)

    @cached_property
    def response_lengths(self) -> np.ndarray:
        """Tokens of each sample's response, shape (n,), int64."""
        wanted = Tokens(view="response")
        lengths: np.ndarray = self._features(lambda track: (wanted,))[wanted].lengths
        return lengths

    def made_before(self) -> int:
        """How many of the plan's selections lie in the cache already; none does without the target model."""
        if not (self.experiment.tokenizer or self.experiment.base_ready(self.base_model)):
            return 0
        selector = self.selector
        keys = (selector.key(point.strategy, point.budget, point.seed) for point in self.plan.points)
        return sum(selector.folders.selection(key).is_file() for key in keys)

    def run(self) -> LevelsTable:
        """Select and store every point, measure those of the measured budget, and see how far each metric moves."""
        rows = self._counted("selections", self.plan.points, self.select)
        wanted = [
            (row, metric)
            for row in rows
            if row.selection is not None and row.point.budget == self.plan.measured_budget
            for metric in self.plan.metrics
        ]
        self._counted("metrics", wanted, lambda pair: self.measure(*pair))
        return LevelsTable(tuple(rows), tuple(self._movements(rows)))

    def select(self, point: Point) -> LevelRow:
        """Make (or find) and store the selection of one point; what keeps it from being made becomes its problem.

        Raises FeatureError when the response tokens cannot be had: a wrong tokenizer stops the study at once.
        """
        lengths = self.response_lengths
        try:
            picked = self.selector.pick(point.strategy, point.budget, point.seed)
        except (SelectionError, FeatureError) as error:
            self.experiment.notify(str(error))
            return LevelRow(point, problem=str(error))
        if self.folder is not None:
            picked.selection.save(self.folder / "selections" / point.file)
        return LevelRow(
            point,
            selection=picked.selection,
            report=self._report(point, picked.selection.rows),
            mean_response_length=float(lengths[picked.selection.rows].mean()),
            seconds=picked.seconds,
        )

    def measure(self, row: LevelRow, metric: Metric) -> None:
        """Add a metric to a row that has a selection; without a value it is a failure of the row, not of the study."""
        assert row.selection is not None
        try:
            row.metrics[metric.spec] = Measurer(self.selector).value(metric, row.selection)
        except (SelectionError, FeatureError) as error:
            row.failures[metric.spec] = str(error)
            self.experiment.notify(f"{row.point.file}: {error}")

    def _report(self, point: Point, rows: np.ndarray) -> LevelReport | None:
        if not isinstance(point.strategy, HasLevels):
            return None
        selector = self.selector
        key = selector.key(point.strategy, point.budget, point.seed)
        path = selector.folders.cache / "level-reports" / f"{key}.json"
        found = read_record(path, ReportRecord, selector.notify)
        if found is None:
            report = point.strategy.level_report(rows, features=self._features(point.strategy.requires))
            found = ReportRecord(**dataclasses.asdict(report))
            write_record(path, found)
        return LevelReport(**found.model_dump())

    def _features(self, requires: Callable[[TrackContext], tuple[Feature, ...]]) -> Features:
        from suite.features.store import compute_features

        selector = self.selector
        return compute_features(
            requires(selector.context),
            selector.pool,
            selector.context,
            selector.features,
            progress_for=selector.progress,
        ).features

    def _counted(self, title: str, items: Sequence[Item], work: Callable[[Item], Done]) -> list[Done]:
        progress = self.experiment.progress(title)
        finished: list[Done] = []
        for item in items:
            progress(len(finished), len(items))
            finished.append(work(item))
        progress(len(items), len(items))
        return finished

    def _movements(self, rows: Sequence[LevelRow]) -> Iterator[Movement]:
        measured = [row for row in rows if row.point.budget == self.plan.measured_budget]
        families = dict.fromkeys(row.point.family for row in measured if row.point.level is not None)
        for family in families:
            for metric in self.plan.metrics:
                name = metric.spec
                own = [
                    (row.point.level, row.metrics[name])
                    for row in measured
                    if row.point.family == family and row.point.level is not None and name in row.metrics
                ]
                chance = [row.metrics[name] for row in measured if row.point.level is None and name in row.metrics]
                found = movement(family, self.plan.measured_budget, name, own, chance)
                if found is not None:
                    yield found
