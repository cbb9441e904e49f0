"""What tasks, judges and features are reckoned to ask: counts from files here, else those that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.cost.cards import find_card
from suite.cost.features import feature_costs, wanted_features
from suite.cost.formulas import VLLM_START_SECONDS, reading_seconds
from suite.cost.known_tasks import HARNESS, ITEMS
from suite.cost.lengths import VERDICT, Asked, Lengths
from suite.cost.reckoning import CellCost, Running, cell_cost
from suite.cost.shapes import shape_of_named
from suite.evaluation.judging.loading import load_questions
from suite.evaluation.judging.questions import READERS
from suite.evaluation.loading import load_task
from suite.evaluation.suites import suite
from suite.registry import strategies
from suite.runner.cells import Cell
from suite.track import TaskSpec, Track, load_track

H100 = find_card("H100")


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    monkeypatch.delenv("BREADTH_DATA", raising=False)


@pytest.fixture
def all_here(monkeypatch: pytest.MonkeyPatch, breadth_data: Path) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))


def with_tasks(*tasks: TaskSpec, name: str = "m2m", **changes: Any) -> Track:
    track = load_track(name)
    return track.model_copy(update={"evaluation": track.evaluation.model_copy(update={"tasks": tasks, **changes})})


def asked(*tasks: TaskSpec) -> list[Asked]:
    return Lengths(with_tasks(*tasks)).asked()


def test_known_sizes_are_those_of_the_pinned_files(all_here: None) -> None:
    known: dict[str, TaskSpec] = {}
    for name in ("m2m", "novelsum-10k", "mads-15pct", "small-gpu"):
        track = load_track(name)
        for task in track.evaluation.tasks:
            if task.format in ITEMS and task.format not in known:
                known[task.format] = task
                items = load_questions(task) if task.format in READERS and task.judge else None
                whole = task.model_copy(update={"limit": None})
                assert len(items or load_task(whole, track).items) == ITEMS[task.format], task.name
    assert known.keys() == ITEMS.keys()


def test_harness_tasks_have_their_own_examples_and_their_own_kind() -> None:
    mmlu, limited, gsm8k, bbh, bare = asked(
        suite("mmlu"), suite("mmlu", limit=100), suite("gsm8k"), suite("bbh"), suite("gsm8k", shots=0)
    )
    # Likelihoods of four letters after six questions: nothing is written.
    known = HARNESS["mmlu"]
    assert (mmlu.written, mmlu.new) == (0, 0)
    assert mmlu.read == 14042 * (known.question + 5 * known.example + known.choices)
    assert limited.read == pytest.approx(mmlu.read * 100 / 14042)
    assert (gsm8k.written, gsm8k.length) == (1319, HARNESS["gsm8k_cot"].question + 8 * HARNESS["gsm8k_cot"].example)
    assert (bbh.written, bbh.length) == (6511, HARNESS["bbh_cot_fewshot"].question + 3 * 231)
    assert bare.length == HARNESS["gsm8k_cot"].question
    unknown = Lengths(with_tasks(TaskSpec(name="x", kind="harness", harness_task="xyz")))
    assert unknown.asked()[0].written == 1000
    assert unknown.notes == ["Task x: nothing is known of it; 1,000 items are assumed."]


def test_programs_are_written_once_a_sample() -> None:
    (code,) = (task for task in load_track("mads-15pct").evaluation.tasks if task.kind == "code")
    several = {"samples": 5, "temperature": 0.8}
    drawn = TaskSpec.model_validate({**code.model_dump(), "code": several})
    one, five = asked(code, drawn)
    assert (one.written, one.new, five.written) == (164, 400, 5 * 164)
    assert five.read == pytest.approx(5 * one.read)
    assert five.length == one.length


@pytest.mark.parametrize("place", ["all_here", "nothing_here"])
def test_judged_items_are_counted_with_their_turns_and_orders(place: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(place)
    lengths = Lengths(with_tasks(suite("alpaca-eval"), suite("arena-hard", both_orders=False), suite("mt-bench")))
    pairs, single, turns = lengths.asked()
    assert (pairs.written, pairs.verdicts) == (805, 1610)
    assert (single.written, single.verdicts) == (500, 500)
    assert (turns.written, turns.verdicts) == (160, 160)
    assert turns.read > 80 * 400, "the second question comes after the first and its answer"
    assert all(350 + 400 < task.shown < 4000 for task in (pairs, single, turns))
    assert len(lengths.notes) == (3 if place == "nothing_here" else 0)
    assert single.shown > pairs.shown or place == "nothing_here", "GPT-4's answers are longer than davinci's"


def of_m2m(running: Running, **changes: Any) -> tuple[CellCost, list[Asked]]:
    track = with_tasks(*load_track("m2m").evaluation.tasks, **changes)
    tasks = Lengths(track).asked()
    cell = Cell(track, strategies.parse("random"), 10_000, "llama-2-7b", 0, 0)
    return cell_cost(track, cell, H100, np.full(1, 300.0), tasks, running), tasks


def test_a_judge_s_verdicts_are_written_and_its_start_is_paid(nothing_here: None) -> None:
    cost, tasks = of_m2m(Running(vllm=True, gpus=4))
    judge = shape_of_named(tasks[0].judge, "not pinned")
    read = sum(
        reading_seconds(judge, H100, "bfloat16", tokens=task.verdicts * task.shown, length=task.shown, rows=16)
        for task in tasks
    )
    started = 4 * (VLLM_START_SECONDS + 2 * judge.parameters / 1e9)
    written = cost.judge_seconds - read - started
    # A step reads all weights: 2,610 verdicts of 250 tokens, 128 at once, each step 70 ms and more.
    assert written > 2610 / 128 * VERDICT * 0.07
    few, _ = of_m2m(Running(vllm=True, gpus=4), batch_size=16)
    assert few.judge_seconds - cost.judge_seconds > 2 * written, "sixteen at a time is what a judge should not be"
    shared, _ = of_m2m(Running(vllm=True, gpus=4, together=32))
    assert cost.judge_seconds - shared.judge_seconds == pytest.approx(started * 31 / 32)
    lone, _ = of_m2m(Running(gpus=4))
    assert cost.evaluation_seconds - lone.evaluation_seconds == pytest.approx(VLLM_START_SECONDS, abs=1)


def test_rows_of_a_judge_are_those_whose_keys_have_a_place(nothing_here: None) -> None:
    # Started beside so many others that starts do not count.
    narrow, _ = of_m2m(Running(vllm=True, gpus=2, together=1e6))
    wide, _ = of_m2m(Running(vllm=True, gpus=8, together=1e6))
    assert narrow.judge_seconds > 1.5 * wide.judge_seconds


def test_features_that_models_compute_are_priced_once_a_pool() -> None:
    track = load_track("novelsum-10k")

    def priced(*specs: str) -> tuple[dict[str, float], list[str]]:
        notes: list[str] = []
        found = wanted_features(track, "llama-3-8b", map(strategies.parse, specs))
        return dict(feature_costs(track, found, H100, [1200.0], notes)), notes

    costs, notes = priced("novelselect", "k-center", "random")
    assert list(costs) == ["embeddings (both) by meta-llama/Meta-Llama-3-8B"]
    # 396,000 texts of 256 tokens at most, two operations a parameter.
    assert costs.popitem()[1] == pytest.approx(396_000 * 256 * 2 * 7.5e9 / (989.5e12 * 0.4), rel=0.1)
    assert priced("random", "longest") == ({}, [])
    mads, _ = priced("mads")
    assert list(mads) == ["neuron-states by meta-llama/Meta-Llama-3-8B"]
    tags, _ = priced("meso-instruction:tagger=engine:meta-llama/Llama-2-7b-hf")
    assert tags["tags (instruction) by meta-llama/Llama-2-7b-hf"] > 3600, "it writes for every sample"
    unknown, notes = priced("mads:model=org/unknown")
    assert unknown == {}
    assert "Not counted: neuron-states by org/unknown" in notes[0]
