"""Code: completions become programs, programs become values, and nothing runs where it cannot be held."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.test_loading import track_with

from suite.errors import EvaluationError, TrackError
from suite.evaluation.code_execution import STOPS, CodeExecution, completion, pass_at
from suite.evaluation.formats import read_items
from suite.evaluation.loading import load_tasks
from suite.evaluation.protocol import AskedModel, Problem, describe
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.programs import Program, judge
from suite.runner.lanes import LaneSettings
from suite.templates import get_template
from suite.track import load_track, parse_track

PROBLEMS = tuple(
    Problem(
        f"T/{word}",
        f'from typing import List\n\ndef {word}(number: int) -> int:\n    """The number, {word}d."""\n',
        "",
        f"    return number * {times}\n",
        entry_point=word,
        test=f"\n\ndef check(candidate):\n    assert candidate(3) == {3 * times}\n    assert candidate(0) == 0\n",
    )
    for word, times in (("double", 2), ("triple", 3))
)
PLAIN = get_template("plain")


def task(**changes: Any) -> CodeExecution:
    return CodeExecution(**({"name": "code", "items": PROBLEMS, "chance": 0.0, "max_new_tokens": 64} | changes))


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize(("samples", "passed", "k"), itertools.product((1, 2, 5, 8), range(9), (1, 2, 5)))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one(samples: int, passed: int, k: int) -> None:
    if passed > samples or k > samples:
        return
    right = [True] * passed + [False] * (samples - passed)
    draws = list(itertools.combinations(right, k))
    assert pass_at(k, samples, passed) == pytest.approx(np.mean([any(draw) for draw in draws]))


def test_right_and_wrong_completions(tokenizer: Any, isolation: Isolation) -> None:
    plan = task().plan(AskedModel(tokenizer, PLAIN, 512, "a"))
    assert [request.adapter for request in plan.generations] == ["a", "a"]
    assert {request.temperature for request in plan.generations} == {0.0}
    told = "\n    return number * 2\n```\nThat is it:\nassert False"
    outcome = plan.finish([ids(tokenizer, told)] * 2, ())
    assert outcome.values.tolist() == [1.0, 0.0]
    assert outcome.values.dtype == np.float32
    assert outcome.tokens == 2 * len(ids(tokenizer, told))
    assert [sample["verdict"] for sample in outcome.samples] == ["passed", "failed: a test does not hold: line 4"]
    assert outcome.samples[0]["generated"].endswith('doubled."""\n    return number * 2')
    assert outcome.first_prompt_ids == plan.generations[0].prompt_ids
    assert outcome.truncated == 0


def test_the_response_is_begun_with_the_function(tokenizer: Any) -> None:
    plan = task().plan(AskedModel(tokenizer, PLAIN, 512))
    asked = tokenizer.decode(list(plan.generations[1].prompt_ids), skip_special_tokens=True)
    assert asked.startswith("Complete the following Python function.\n\nfrom typing import List\n\ndef triple(")
    assert asked.endswith(
        '```python\nfrom typing import List\n\ndef triple(number: int) -> int:\n    """The number, tripled."""'
    )
    short = task().plan(AskedModel(tokenizer, PLAIN, 100))
    assert all(len(request.prompt_ids) == 36 for request in short.generations)
    assert short.generations[0].prompt_ids[0] == tokenizer.bos_token_id
    assert short.generations[0].prompt_ids[1:] == plan.generations[0].prompt_ids[-35:]


def test_several_samples_are_drawn_apart_and_estimated(tokenizer: Any, isolation: Isolation) -> None:
    drawn = task(samples=4, pass_at=2, temperature=0.8, top_p=0.95)
    plan = drawn.plan(AskedModel(tokenizer, PLAIN, 512))
    assert len(plan.generations) == 8
    assert len({request.seed for request in plan.generations}) == 8
    assert {(request.temperature, request.top_p) for request in plan.generations} == {(0.8, 0.95)}
    again = drawn.plan(AskedModel(tokenizer, PLAIN, 512, "other"))
    assert [one.seed for one in again.generations] == [one.seed for one in plan.generations]
    right, wrong = ids(tokenizer, "\n    return number * 2"), ids(tokenizer, "\n    return 0")
    outcome = plan.finish([right, wrong, wrong, wrong, *[wrong] * 4], ())
    assert outcome.values.tolist() == [pytest.approx(0.5), 0.0]


@pytest.mark.parametrize("stop", STOPS)
def test_a_completion_ends_where_the_function_does(stop: str, tokenizer: Any) -> None:
    start = ids(tokenizer, "def f():")
    text = f"\n    if x:\n        return 1  # no{stop} more"
    assert completion(tokenizer, start, ids(tokenizer, text)) == "\n    if x:\n        return 1  # no"
    assert completion(tokenizer, start, ids(tokenizer, "\n    return 1")) == "\n    return 1"
    assert completion(tokenizer, start, []) == ""


def test_the_identity_holds_the_tests_and_how_programs_are_drawn() -> None:
    same = task(name="other", chance=0.5)
    assert same.items_sha256 == task().items_sha256
    changed = dataclasses.replace(PROBLEMS[0], test=PROBLEMS[0].test.replace("6", "7"))
    others = [
        task(items=(changed, PROBLEMS[1])),
        task(items=PROBLEMS[::-1]),
        task(max_new_tokens=65),
        task(samples=2, temperature=0.5),
        task(samples=2, temperature=0.6),
        task(samples=2, temperature=0.6, pass_at=2),
    ]
    assert len({one.items_sha256 for one in [task(), *others]}) == 7


def test_without_isolation_nothing_is_run(tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = r"Task code runs programs that a model wrote.*bubblewrap is not installed.*apt-get install bubblewrap"
    with pytest.raises(EvaluationError, match=wanted):
        task().plan(AskedModel(tokenizer, PLAIN, 512))


def test_a_run_is_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tiny_track import experiment

    made = experiment()
    made.__dict__["tasks"] = (task(),)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EvaluationError, match="in a sandbox only"):
        LaneSettings.of(made, 1)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of problems in HumanEval's layout, under BREADTH_DATA."""
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    path = tmp_path / "problems.jsonl"
    path.write_text("\n".join(map(json.dumps, map(record, PROBLEMS))), encoding="utf-8")
    return path


def record(problem: Problem) -> dict[str, str]:
    return {
        "task_id": problem.id,
        "prompt": problem.instruction,
        "canonical_solution": problem.reference,
        "entry_point": problem.entry_point,
        "test": problem.test,
    }


CODE = {"name": "he", "kind": "code", "format": "humaneval", "data": {"local": "problems.jsonl"}}


def test_a_file_becomes_problems_white_space_and_all(file: Path) -> None:
    assert read_items(file, "humaneval") == PROBLEMS
    (loaded,) = load_tasks(track_with(CODE | {"max_new_tokens": 64}))
    assert describe([loaded])[0]["sha256"] == task().items_sha256
    drawn = {"code": {"samples": 20, "pass_at": 10, "temperature": 0.8}}
    (loaded,) = load_tasks(track_with(CODE | drawn))
    assert isinstance(loaded, CodeExecution)
    assert (loaded.samples, loaded.pass_at, loaded.temperature, loaded.top_p) == (20, 10, 0.8, 1.0)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"entry_point": "no name"}, "'entry_point' must be a function's name, not 'no name'"),
        ({"prompt": "def f(:"}, "line 1: 'prompt' is no Python: invalid syntax"),
        ({"test": "\0"}, "'test' is no Python"),
        ({"test": " "}, "'test' is empty"),
        ({"task_id": 7}, "'task_id' must be a text"),
    ],
)
def test_a_broken_file_is_one_error_with_its_line(file: Path, change: dict[str, Any], rule: str) -> None:
    file.write_text(json.dumps(record(PROBLEMS[0]) | change), encoding="utf-8")
    with pytest.raises(EvaluationError, match=re.escape(rule)):
        read_items(file, "humaneval")


def test_tests_are_needed_and_only_they_draw(file: Path) -> None:
    file.write_text('{"question": "q", "answer": "a"}', encoding="utf-8")
    with pytest.raises(EvaluationError, match="'gsm8k' has no tests"):
        load_tasks(track_with(CODE | {"format": "gsm8k"}))
    for table, kind, rule in (
        ("samples = 2", "code", "several samples need a temperature above 0"),
        ("pass_at = 2", "code", "pass_at is at most samples"),
        ("samples = 0", "code", "samples"),
        ("samples = 1", "exact-match", "goes with kind = 'code' alone"),
    ):
        text = (Path(__file__).parents[1] / "tracks" / "tiny.toml").read_text()
        text += f'\n[[evaluation.tasks]]\nname = "he"\nkind = "{kind}"\n[evaluation.tasks.code]\n{table}\n'
        with pytest.raises(TrackError, match=rule):
            parse_track(text.encode(), "tiny.toml")


def humaneval(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> CodeExecution:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    track = load_track("mads-15pct")
    (spec,) = [spec for spec in track.evaluation.tasks if spec.name == "humaneval"]
    (loaded,) = load_tasks(
        track.model_copy(update={"evaluation": track.evaluation.model_copy(update={"tasks": (spec,)})})
    )
    assert isinstance(loaded, CodeExecution)
    return loaded


def solved(problems: tuple[Problem, ...], isolation: Isolation) -> dict[str, str]:
    """Verdicts, and whys, of the reference solutions."""
    programs = [
        Program(one.instruction + one.reference, one.entry_point, one.instruction, one.test) for one in problems
    ]
    judged = judge(programs, isolation, jobs=2)
    return {item.id: f"{one.verdict} {one.why}".strip() for item, one in zip(problems, judged, strict=True)}


def test_reference_solutions_pass_and_broken_ones_do_not(
    breadth_data: Path, monkeypatch: pytest.MonkeyPatch, isolation: Isolation
) -> None:
    """Those whose tests call helpers of the prompt or the function by its own name, and a few others."""
    loaded = humaneval(breadth_data, monkeypatch)
    assert len(loaded.problems) == 164
    wanted = {f"HumanEval/{number}" for number in (0, 32, 33, 38, 50, 53, 72)}
    some = tuple(item for item in loaded.problems if item.id in wanted)
    assert solved(some, isolation) == dict.fromkeys([item.id for item in some], "passed")
    broken = tuple(dataclasses.replace(item, reference="    return None\n") for item in some)
    assert all(verdict.startswith("failed") for verdict in solved(broken, isolation).values())


@pytest.mark.long
def test_every_reference_solution_passes(
    breadth_data: Path, monkeypatch: pytest.MonkeyPatch, isolation: Isolation
) -> None:
    loaded = humaneval(breadth_data, monkeypatch)
    assert set(solved(loaded.problems, isolation).values()) == {"passed"}
    broken = tuple(dataclasses.replace(item, reference="    return None\n") for item in loaded.problems)
    verdicts = solved(broken, isolation)
    assert all(verdict.startswith("failed") for verdict in verdicts.values()), verdicts
