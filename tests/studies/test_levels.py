"""The levels study: what it plans, that it picks up where it stopped, and that a level out of reach is a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny_track import TINY

from strategies.micro import MicroDiversity
from suite.errors import ParameterError, SelectionError, UnknownNameError, UsageError
from suite.features import Features
from suite.home import default_store
from suite.pool import Pool
from suite.registry import HasLevels, Metric, metrics
from suite.runner.experiment import Experiment
from suite.selection import Selection, read_selection
from suite.stores.url import open_store
from suite.studies.levels import LevelsPlan, LevelsStudy, LevelsTable, levelled_strategies, plan_levels
from suite.studies.movement import movement
from suite.track import load_track

MICRO = "micro-response:rare=2"
MACRO = "macro-response:min_cluster_size=2"


def study(folder: Path, plan: LevelsPlan, said: list[str] | None = None) -> LevelsStudy:
    experiment = Experiment(
        track=load_track(str(TINY)),
        store=open_store(default_store()),
        notify=(said if said is not None else []).append,
        progress=lambda title: lambda done, total: None,
        tokenizer="words",
    )
    return LevelsStudy(experiment, plan, "tiny-llama", folder)


def plan_of(*specs: str, **changes: object) -> LevelsPlan:
    chosen = [metrics.parse(name) for name in ("mean-length", "ttr")]
    return plan_levels(load_track(str(TINY)), specs=specs, **{"levels": 3, "metrics": chosen, **changes})  # type: ignore[arg-type]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a micro strategy selected and `ttr` measured."""
    calls = {"select": 0, "measure": 0}
    select, measure = MicroDiversity.select, type(metrics.parse("ttr")).measure

    def counting(name: str, inner: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls[name] += 1
            return inner(*arguments, **named)

        return call

    monkeypatch.setattr(MicroDiversity, "select", counting("select", select))
    monkeypatch.setattr(type(metrics.parse("ttr")), "measure", counting("measure", measure))
    return calls


def test_the_plan_is_every_strategy_level_and_budget() -> None:
    plan = plan_of(MICRO, MACRO)
    levelled = [point for point in plan.points if point.level is not None]
    assert [point.level for point in levelled[:3]] == [0.0, 0.5, 1.0]
    assert len(levelled) == 2 * 3 * 2
    assert {point.budget for point in levelled} == {8, 15}
    draws = [point for point in plan.points if point.level is None]
    assert [(point.strategy.name, point.budget, point.seed) for point in draws] == [("random", 8, 0), ("random", 8, 1)]
    assert plan.measurements == 2 * (2 * 3 + 2)
    assert len({point.file for point in plan.points}) == len(plan.points)
    assert not [point for point in plan_of(MICRO, metrics=()).points if point.level is None]
    assert plan_of(MICRO, budgets=[15]).measured_budget == 15
    own = plan_levels(load_track("m2m"), specs=["micro-response"], budgets=[10_000])
    assert [point.level for point in own.points] == list(load_track("m2m").diversity_levels)


def test_all_that_have_levels_run_by_default() -> None:
    names = {strategy.name for strategy in levelled_strategies()}
    assert {"macro-instruction", "macro-response", "micro-instruction", "micro-response"} <= names
    assert "random" not in names
    assert all(isinstance(strategy, HasLevels) for strategy in levelled_strategies())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"specs": ["k-center"]}, UsageError, "'k-center' has no levels of diversity. These have: .*micro-response"),
        ({"specs": ["micro-response:diversity=0.5"]}, UsageError, "Leave `diversity` out"),
        ({"specs": ["micro-responses"]}, UnknownNameError, "Did you mean 'micro-response'"),
        ({"specs": ["micro-response:least_types=0"]}, ParameterError, "least_types must be at least 1"),
        ({"levels": 1}, UsageError, "--levels must be at least 2"),
    ],
)
def test_plans_that_cannot_be(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan_levels(load_track(str(TINY)), **changes)  # type: ignore[arg-type]


def test_every_selection_is_stored_and_reported(tmp_path: Path) -> None:
    plan = plan_of(MICRO, MACRO)
    made = study(tmp_path, plan)
    table = made.run()
    assert len(table.rows) == len(plan.points) == len(list((tmp_path / "selections").iterdir()))
    pool = made.experiment.pool
    lengths = [len(sample.response.split()) for sample in pool.samples()]
    for row in table.rows:
        assert row.selection is not None
        stored = read_selection(tmp_path / "selections" / row.point.file, pool)
        assert stored.sha256 == row.selection.sha256
        assert len(stored) == row.point.budget
        assert set(row.metrics) == ({"mean-length", "ttr"} if row.point.budget == 8 else set())
        assert (row.report is None) == (row.point.level is None)
        if row.report is not None and row.point.level == 1:
            assert row.report.kept_types == row.report.all_types
        if row.point.level == 0:
            assert row.report is not None
            assert row.report.kept_types == row.report.fewest_types
        if row.metrics:
            assert row.metrics["mean-length"] == pytest.approx(row.mean_response_length)
        assert row.mean_response_length is not None
        assert row.mean_response_length >= np.mean([lengths[pick] for pick in row.selection.rows])


def test_a_second_run_selects_and_measures_nothing(tmp_path: Path, counted: dict[str, int]) -> None:
    plan = plan_of(MICRO)
    first = study(tmp_path, plan)
    assert first.made_before() == 0
    before = first.run()
    assert counted == {"select": 6, "measure": 5}
    again = study(tmp_path, plan)
    assert again.made_before() == len(plan.points)
    assert rows_of(again.run()) == rows_of(before)
    assert counted == {"select": 6, "measure": 5}
    # Another metric or budget takes up what is there.
    study(tmp_path, plan_of(MICRO, budgets=[8], levels=5)).run()
    assert counted == {"select": 8, "measure": 7}


def rows_of(table: LevelsTable) -> list[object]:
    return [
        (row.point, row.selection and row.selection.sha256, row.report, row.mean_response_length, row.metrics)
        for row in table.rows
    ] + list(table.movements)


def test_a_stopped_run_goes_on(tmp_path: Path, counted: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(MICRO)
    length = type(metrics.parse("mean-length"))
    measure = length.measure

    def stopped(self: Metric, selection: Selection, pool: Pool, features: Features) -> float:
        if counted["measure"] == 3:
            raise KeyboardInterrupt
        return measure(self, selection, pool, features)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(length, "measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            study(tmp_path, plan).run()
    assert counted == {"select": 6, "measure": 3}
    study(tmp_path, plan).run()
    assert counted == {"select": 6, "measure": 5}


def test_levels_out_of_reach_are_rows_with_the_reason(tmp_path: Path) -> None:
    said: list[str] = []
    plan = plan_of(f"{MICRO},least_types=1", "macro-instruction:min_cluster_size=61")
    table = study(tmp_path, plan, said).run()
    rows = {(row.point.family, row.point.budget, row.point.level): row for row in table.rows}
    low = rows[f"{MICRO.replace(':', ':least_types=1,')}", 15, 0.0]
    assert low.selection is None
    assert "cannot pick 15 samples at diversity 0" in low.problem
    assert "smallest reachable level is 0." in low.problem
    assert any(low.problem in line for line in said)
    assert rows[f"{MICRO.replace(':', ':least_types=1,')}", 15, 1.0].selection is not None
    noise = [row for row in table.rows if row.point.family.startswith("macro")]
    assert all("all are noise at min_cluster_size=61" in row.problem for row in noise)
    assert {item.strategy for item in table.movements} == {f"{MICRO.replace(':', ':least_types=1,')}"}
    assert not [file for file in (tmp_path / "selections").iterdir() if file.name.startswith("macro")]


def test_a_metric_that_fails_leaves_an_empty_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Metric, selection: Selection, pool: Pool, features: Features) -> float:
        if selection.strategy == "random":
            return float("nan")
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(type(metrics.parse("ttr")), "measure", broken)
    said: list[str] = []
    table = study(tmp_path, plan_of(MICRO, budgets=[8]), said).run()
    for row in table.rows:
        assert set(row.metrics) == {"mean-length"}
        wanted = (
            "not a number to compare" if row.point.level is None else "Metric ttr failed: ZeroDivisionError: by zero"
        )
        assert wanted in row.failures["ttr"]
        assert any(row.failures["ttr"] in line for line in said)
    assert [item.metric for item in table.movements] == ["mean-length"]


def test_movement_is_measured_against_chance() -> None:
    found = movement("s", 8, "m", [(1.0, 7.0), (0.0, 2.0), (0.5, 8.0)], [1.0, 3.0, 5.0])
    assert found is not None
    assert (found.from_level, found.to_level, found.lowest, found.highest, found.change) == (0.0, 1.0, 2.0, 7.0, 5.0)
    assert (found.random_mean, found.random_deviation, found.relative) == (3.0, 2.0, 2.5)
    assert found.spearman == pytest.approx(0.5)
    still = movement("s", 8, "m", [(0.0, 2.0), (0.5, 2.0), (1.0, 2.0)], [1.0, 1.0])
    assert still is not None
    assert (still.relative, still.spearman) == (None, None)
    assert movement("s", 8, "m", [(1.0, 2.0)], [1.0, 2.0]) is None


@dataclass(frozen=True)
class Stepped:
    """Not a strategy of the registry: what the study asks of levels is structural."""

    diversity: float = 1.0

    def level_report(self, rows: np.ndarray, *, features: Features) -> object:
        raise SelectionError("not here")


def test_levels_are_a_protocol() -> None:
    assert isinstance(Stepped(), HasLevels)
    assert not isinstance(object(), HasLevels)


def test_selections_are_files_that_breadth_measure_reads(tmp_path: Path) -> None:
    study(tmp_path, plan_of(MICRO, budgets=[8], metrics=())).run()
    record = json.loads((tmp_path / "selections" / "micro-response-rare-2_8_level-0.5000.json").read_text())
    assert record["parameters"]["diversity"] == 0.5
    assert record["budget"] == len(record["ids"]) == 8
