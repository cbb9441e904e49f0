"""`--train`: a planted loss is found with its interval, what is the same is identical, and real models are compared."""

from __future__ import annotations

from collections.abc import Sequence

import factories
import numpy as np
import pytest

from suite.regression.paired import Anchors, Compared, compared, quality_aspects
from suite.results import Result, TaskScore
from suite.statistics.intervals import Estimate

REGISTRATION = factories.registration()


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
        facts = {name: getattr(task, name) for name in ("name", "kind", "unit", "chance", "items_sha256")}
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
