"""Several adapters on one engine: their requests share batches, whatever the task, and each is answered as alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from judges import build_judge
from tiny_models import save_adapters

from suite.engines.protocol import GenerationRequest
from suite.engines.transformers import TransformersEngine
from suite.errors import EngineError, EvaluationError
from suite.evaluation.exact_match import ExactMatch
from suite.evaluation.harness.company import Company, question_of
from suite.evaluation.judging.loading import load_judged_task
from suite.evaluation.loading import load_suite
from suite.evaluation.protocol import AskedModel, Item, TaskOutcome
from suite.evaluation.run import ask_together, evaluate_tasks
from suite.evaluation.suite_run import Setting, run_suites
from suite.evaluation.suites import suite
from suite.templates import get_template
from suite.track import TaskSpec

PLAIN = get_template("plain")
LENGTH = 256


@pytest.fixture(autouse=True)
def real_data(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))


class Counting(TransformersEngine):
    """Notes how many adapters each call asks for."""

    def __init__(self, *options: Any, **named: Any) -> None:
        super().__init__(*options, **named)
        self.generated: list[int] = []
        self.scored: list[int] = []

    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
        self.generated.append(len({one.adapter for one in requests}))
        return super().generate(requests)

    def log_likelihoods(self, requests: Any) -> Any:
        self.scored.append(len({one.adapter for one in requests}))
        return super().log_likelihoods(requests)


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = save_adapters(tiny_base, tmp_path_factory.mktemp("adapters"), 3)
    return {f"adapter-{number}": folder for number, folder in enumerate(made)}


@pytest.fixture
def engine(tiny_base: Path, adapters: dict[str, Path]) -> Counting:
    made = Counting(tiny_base, batch_size=8, device="cpu")
    for name, folder in adapters.items():
        made.add_adapter(name, folder)
    return made


@pytest.fixture(scope="module")
def models(tiny_base: Path, adapters: dict[str, Path]) -> dict[str, AskedModel]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    return {str(name): AskedModel(tokenizer, PLAIN, LENGTH, name) for name in (None, *adapters)}


def judged(name: str, judge: Path | str = "no judge is asked", **changes: Any) -> Any:
    stated: dict[str, Any] = {"limit": 3, "max_new_tokens": 12, "judge_revision": "0" * 40}
    return load_judged_task(suite(name, judge=str(judge), **(stated | changes)))


def test_judged_answers_of_all_adapters_are_asked_for_turn_by_turn(
    engine: Counting, models: dict[str, AskedModel]
) -> None:
    tasks = [judged("mt-bench"), judged("alpaca-eval")]
    _, together = ask_together(tasks, engine, models)
    assert engine.generated == [4, 4, 4], "two turns of the one and one of the other, each with all in one call"
    alone = {(name, task.name): task.answer_together(engine, [models[name]])[0] for name in models for task in tasks}
    assert engine.generated[3:] == [1] * 12
    assert together == alone
    assert len({str(alone[name, "mt-bench"].turns) for name in models}) == 4, "no two say the same"
    assert all(answered.tokens > 0 for answered in alone.values())


@pytest.mark.parametrize(("name", "asked"), [("arc-easy", "scored"), ("tydiqa", "generated")])
def test_a_harness_task_asks_for_all_adapters_at_once(
    name: str, asked: str, engine: Counting, models: dict[str, AskedModel]
) -> None:
    pytest.importorskip("lm_eval")
    task = load_suite(suite(name, limit=3, **({} if name == "arc-easy" else {"max_new_tokens": 150})))
    together, waiting = ask_together([task], engine, models)
    assert not waiting
    counts = getattr(engine, asked)
    # Later rounds of long answers ask again those alone that go on.
    assert counts[0] == 4
    assert len(counts) <= 3
    rounds = len(counts)
    for key, model in models.items():
        alone = task.evaluate(engine, model)
        shared = together[key, name]
        assert shared.values.tolist() == alone.values.tolist()
        assert (shared.tokens, shared.truncated, shared.first_prompt_ids, shared.samples) == (
            alone.tokens,
            alone.truncated,
            alone.first_prompt_ids,
            alone.samples,
        )
    assert set(counts[rounds:]) == {1}
    assert len({str(together[key, name].samples) for key in models}) > 1, "adapters say different things"


def test_a_question_of_ones_own_is_asked_and_an_answer_is_given_out_once() -> None:
    company, asked = Company(["a", None, "a"]), []

    def ask(adapters: Sequence[str | None]) -> dict[str | None, str]:
        asked.append(tuple(adapters))
        return {adapter: f"{adapter} {len(asked)}" for adapter in adapters}

    first, other = question_of("score", [[1, 2], [3]]), question_of("score", [[1], [2, 3]])
    assert len({first, other, question_of("generate", [[1, 2], [3]])}) == 3
    assert [company.answer(name, first, ask) for name in ("a", None)] == ["a 1", "None 1"]
    assert asked == [("a", None)]
    assert company.answer(None, other, ask) == "None 2"
    assert company.answer("a", first, ask) == "a 3"


def test_what_fails_in_company_is_asked_alone_and_fails_alone(
    tiny_base: Path, adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str | None, ...]] = []

    class ShortOfMemory(TransformersEngine):
        """Memory suffices for none that asks together with adapter-1, nor for adapter-1 by itself."""

        def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
            calls.append(tuple(dict.fromkeys(one.adapter for one in requests)))
            if "adapter-1" in calls[-1]:
                raise EngineError("out of memory")
            return super().generate(requests)

    monkeypatch.setattr(
        "suite.evaluation.suite_run.open_engine", lambda name, folder, **_: ShortOfMemory(folder, device="cpu")
    )
    judge = build_judge(tiny_base, tmp_path / "judge", "[[A]]")
    items = tuple(Item(str(number), f"ban dem {number}", reference="kin") for number in range(3))
    tasks = [ExactMatch("exact", items, 0.0, max_new_tokens=4), judged("alpaca-eval", judge)]
    run = run_suites(tiny_base, adapters, tasks, Setting(template="plain", max_length=LENGTH, engine="transformers"))
    assert run.failures == {f"{task.name} of adapter-1": "out of memory" for task in tasks}
    assert [(score.task.name, score.model) for score in run.scores] == [
        (task.name, name) for name in ("adapter-0", "adapter-2") for task in tasks
    ]
    assert calls == [tuple(adapters), *((name,) for name in adapters)] * 2


def test_examples_that_are_drawn_are_the_same_for_every_adapter(
    engine: Counting, models: dict[str, AskedModel]
) -> None:
    pytest.importorskip("lm_eval")
    stated = {"name": "probe", "kind": "harness", "harness_task": "gsm8k", "shots": 2, "limit": 2, "max_new_tokens": 4}
    task = load_suite(TaskSpec.model_validate(stated))
    outcomes = task.evaluate_together(engine, list(models.values()))
    assert len({outcome.first_prompt_ids for outcome in outcomes}) == 1
    assert engine.generated == [4], "nobody is asked another question than the rest"


def test_one_model_is_evaluated_as_ever(engine: Counting, models: dict[str, AskedModel]) -> None:
    items = tuple(Item(str(number), f"ban dem {number}", reference="kin") for number in range(3))
    tasks = [ExactMatch(name, items, 0.0, max_new_tokens=4) for name in ("one", "two")]
    found = evaluate_tasks(tasks, engine, models["adapter-0"])
    assert list(found) == ["one", "two"]
    assert all(isinstance(outcome, TaskOutcome) for outcome in found.values())
    with pytest.raises(EvaluationError, match="no items"):
        evaluate_tasks([ExactMatch("none", (), 0.0)], engine, models["adapter-0"])
