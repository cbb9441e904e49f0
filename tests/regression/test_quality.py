"""`--train`: a planted loss is found with its interval, what is the same is identical, and real models are compared."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import factories
import numpy as np
import pytest
from tiny_track import TINY

from suite.errors import RegressionError
from suite.hashing import content_key, library_versions
from suite.regression.baseline import Baseline
from suite.regression.checking import Check, check, renewed
from suite.regression.observing import Laboratory
from suite.regression.paired import Anchors, Compared, compared, quality_aspects
from suite.regression.quality import Trained, _other_versions, beside, train, training_track
from suite.regression.setting import Setting
from suite.reporting import no_progress
from suite.results import Result, TaskScore
from suite.runner.runner import Watcher
from suite.runner.stages import trainer_key, training_code, training_key
from suite.statistics.intervals import Estimate
from suite.stores import LocalStore
from suite.track import Track, load_track

REGISTRATION = factories.registration()
FACTS = ("name", "kind", "unit", "chance", "items_sha256")


def of(results: Sequence[Result], spec: str) -> list[Result]:
    return [result for result in results if result.cell.spec == spec]


def with_lost_answers(results: Sequence[Result], share: float, rng: np.random.Generator) -> list[Result]:
    """The same results with a share of the right answers lost, others in every seed."""

    def lost(task: TaskScore) -> TaskScore:
        values = task.unpack()
        if task.unit == "accuracy":
            values = values * (rng.random(len(values)) >= share)
        else:
            values = values + share * values.mean()
        facts = {name: getattr(task, name) for name in FACTS}
        return TaskScore.pack(values, **facts)

    return [result.model_copy(update={"tasks": tuple(lost(task) for task in result.tasks)}) for result in results]


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return factories.experiment({"mine": 0.1, "other": 0.0})


@pytest.fixture(scope="module")
def anchors(results: list[Result]) -> Anchors:
    return Anchors(of(results, "full"), of(results, "untuned"))


def test_a_tenth_lost_is_worse(results: list[Result], anchors: Anchors) -> None:
    before = of(results, "mine")
    now = with_lost_answers(before, 0.1, np.random.default_rng(0))
    found = compared(now, before, anchors, REGISTRATION)
    assert found is not None
    aspect = quality_aspects({"mine": found})["mine"]
    assert aspect.verdict == "worse"
    assert float(aspect.numbers["high"] or 0) < 0
    assert aspect.numbers["difference"] == pytest.approx(
        100 * float(found.estimate.mean if found.estimate else 0), abs=1e-3
    )
    back = compared(before, now, anchors, REGISTRATION)
    assert back is not None
    assert quality_aspects({"mine": back})["mine"].verdict == "better"


def test_the_same_models_are_identical(results: list[Result], anchors: Anchors) -> None:
    found = compared(of(results, "mine"), of(results, "mine"), anchors, REGISTRATION)
    assert found is not None
    assert quality_aspects({"mine": found})["mine"].verdict == "identical"


def test_noise_alone_is_no_alarm(anchors: Anchors) -> None:
    """Twenty strategies trained twice, with nothing between them but the luck of seeds."""
    pairs = {}
    for number in range(20):
        rng = np.random.default_rng(number)
        rows = of(factories.experiment({"mine": 0.1, "again": 0.1}, rng=rng), "mine")
        moved = [with_lost_answers([row], abs(rng.normal(0, 0.01)), rng)[0] for row in rows]
        other = [with_lost_answers([row], abs(rng.normal(0, 0.01)), rng)[0] for row in rows]
        found = compared(moved, other, anchors, REGISTRATION)
        assert found is not None
        pairs[f"mine-{number}"] = found
    assert {str(aspect.verdict) for aspect in quality_aspects(pairs).values()} == {"equivalent"}


def test_no_shared_seed_is_no_comparison() -> None:
    aspect = quality_aspects({"mine": Compared(None, 0.5, False)})["mine"]
    assert aspect.verdict == "broken"
    single = Estimate(0.1, *[float("nan")] * 5, 1, "one seed")
    assert quality_aspects({"mine": Compared(single, 0.5, False)})["mine"].verdict == "broken"


def small_setting(world_seed: int, samples: int, budget: int) -> Setting:
    return Setting(world_seed=world_seed, samples=samples, budget=budget).pinned()


class Counting(Watcher):
    """Counts the models that are trained, and not taken from the cache."""

    def __init__(self) -> None:
        self.trained = 0

    def progressed(self, lane: int, stage: str, done: int, total: int) -> None:
        self.trained += (stage, done) == ("train", 0)


def trained(
    checked: Check,
    known: Baseline,
    path: Path,
    track: Track,
    *,
    watcher: Watcher | None = None,
) -> Trained:
    return train(
        checked,
        known,
        path,
        lanes=1,
        watcher=watcher or Watcher(),
        notify=print,
        progress=lambda title: no_progress,
        track=track,
    )


def test_cells_are_run_and_kept_beside_the_baseline(tiny_home: Path, tmp_path: Path) -> None:
    """The tiny track, whole: it learns nothing worth a score, and says so; its results are kept, and renewed."""
    track = load_track(str(TINY))
    path = tmp_path / "baseline.json"
    with Laboratory(small_setting(11, 60, 8)) as laboratory:
        specs = ["k-center", "duplicate"]
        made = Baseline(setting=laboratory.setting)
        first = check(made, specs, laboratory, timed=False)
        known = renewed(made, first)
        again = check(known, specs, laboratory, timed=False)
    done = trained(again, known, path, track)
    assert done.keep(path) == 1 + 2 + 2  # untuned; full and k-center with two seeds each
    judged = {one.spec: one.aspect("quality") for one in done.check.judged}
    assert judged["duplicate"] is None
    aspect = judged["k-center"]
    assert aspect is not None
    assert (aspect.verdict, aspect.short) in [("broken", "no score"), ("identical", "same models")]
    kept = {result.record_id for result in beside(path).results()}
    assert trained(again, known, path, track).keep(path) == len(kept)
    assert {result.record_id for result in beside(path).results()} == kept
    other = replace(again, found={"k-center": replace(again.found["k-center"], ids=again.found["k-center"].ids[::-1])})
    trained(other, known, path, track).keep(path)
    renewed_ids = {result.record_id for result in beside(path).results()}
    assert len(renewed_ids) == len(kept)
    assert len(renewed_ids & kept) == 3


def plant(store: LocalStore) -> None:
    """Beside each result there, several of other versions of the engine, of models that know nothing."""
    for result in list(store.results()):
        tasks = [
            TaskScore.pack(0 * task.unpack(), **{name: getattr(task, name) for name in FACTS}) for task in result.tasks
        ]
        facts = {name: getattr(result, name) for name in Result.model_fields} | {"tasks": tuple(tasks)}
        store.put_many([Result(**facts | {"versions": {"torch": f"0.{number}"}}) for number in range(4)])


def test_other_libraries_train_anew_and_nothing_of_another_version_is_of_now(
    tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = load_track(str(TINY))
    path = tmp_path / "baseline.json"
    with Laboratory(small_setting(11, 60, 8)) as laboratory:
        made = Baseline(setting=laboratory.setting)
        known = renewed(made, check(made, ["k-center"], laboratory, timed=False))
        again = check(known, ["k-center"], laboratory, timed=False)
    first, second, third = Counting(), Counting(), Counting()
    done = trained(again, known, path, track, watcher=first)
    done.keep(path)
    (store,) = (LocalStore(folder) for folder in (tiny_home / "regression").iterdir())
    plant(store)
    same = trained(again, known, path, track, watcher=second)
    assert (first.trained, second.trained) == (4, 0)  # full and k-center with two seeds each
    assert {result.record_id for result in same.results} == {result.record_id for result in done.results}

    right = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.1" if name == "trl" else right(name))
    trained(again, known, path, track, watcher=third)
    assert third.trained == 4


def test_a_baseline_that_other_libraries_trained_is_said_to_be_so() -> None:
    def of_versions(**versions: str) -> list[Result]:
        found = factories.result()
        assert found.training is not None
        return [found.model_copy(update={"training": found.training.model_copy(update={"versions": versions})})]

    now = {("longest", "now"): of_versions(torch="2.13.0", trl="1.16.0")}
    assert _other_versions({"longest": of_versions(torch="2.13.0", trl="1.15.0")}, now) == ["trl 1.15.0 (now 1.16.0)"]
    assert _other_versions({"longest": of_versions()}, now) == []


def test_what_trains_is_part_of_its_key_and_cached_models_of_before_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_track(str(TINY)).recipe
    libraries = library_versions(("accelerate", "peft", "torch", "transformers", "trl"))
    facts = {"stage": ["training", 1], "selection": "a", "base": "b", "seed": 3, "libraries": libraries}
    before = content_key(facts | {"recipe": recipe.model_dump(mode="json", exclude={"borrowed"})})
    keys = {training_key("a", "b", recipe, 3), training_key("a", "b", recipe, 3, code=training_code()), trainer_key()}
    assert before in keys
    monkeypatch.setattr("suite.runner.stages.sources_sha256", lambda module: f"changed {module}")
    assert training_key("a", "b", recipe, 3) == before
    keys |= {training_key("a", "b", recipe, 3, code=training_code()), trainer_key()}
    assert len(keys) == 5


def test_another_setting_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(RegressionError, match="the default pool and budget"):
        trained(Check((), {}), Baseline(setting=small_setting(1, 50, 5)), tmp_path / "b.json", load_track(str(TINY)))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_strategy_that_picks_worse_samples_trains_worse_models(tmp_path: Path) -> None:
    """Real models: the same picks are identical, samples of one kind alone are worse."""
    path = tmp_path / "baseline.json"
    with Laboratory(Setting().pinned()) as laboratory:
        made = Baseline(setting=laboratory.setting)
        known = renewed(made, check(made, ["random"], laboratory, timed=False))
        checked = check(known, ["random"], laboratory, timed=False)
    track = training_track()
    first = trained(checked, known, path, track)
    assert first.check.verdict == "identical"
    first.keep(path)
    pool = laboratory.setting.pool
    # The samples of one kind: those whose instructions come first in the alphabet.
    alike = sorted(range(len(pool)), key=lambda row: pool.sample(row).instruction)[: len(checked.found["random"].ids)]
    few = pool.id_of(np.array(alike))
    worse = trained(replace(checked, found={"random": replace(checked.found["random"], ids=few)}), known, path, track)
    aspect = worse.check.judged[0].aspect("quality")
    assert aspect is not None
    print(aspect)
    assert aspect.verdict == "worse"
    assert float(aspect.numbers["difference"] or 0) < -0.1 * float(aspect.numbers["baseline"] or 0)
