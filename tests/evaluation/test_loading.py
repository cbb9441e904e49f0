"""Tasks of a track: files and the embedded world become tasks; what cannot be run is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import EvaluationError
from suite.evaluation.loading import load_tasks
from suite.evaluation.protocol import describe
from suite.microworld import world
from suite.track import Evaluation, MicroworldPool, TaskSpec, Track, load_track


def track_with(*tasks: dict[str, Any]) -> Track:
    """The alpaca-cpu track with other tasks."""
    specs = tuple(TaskSpec.model_validate(task) for task in tasks)
    return load_track("alpaca-cpu").model_copy(update={"evaluation": Evaluation(tasks=specs)})


def in_the_world(*tasks: dict[str, Any]) -> Track:
    """A track over the embedded world with these tasks."""
    pool = MicroworldPool(kind="microworld", world_seed=3, size=1000)
    return track_with(*tasks).model_copy(update={"pool": pool})


@pytest.fixture
def choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A multiple-choice task over a file of forty questions."""
    records = [{"query": f"Which {number}?", "choices": ["a", "b"], "gold": number % 2} for number in range(40)]
    (tmp_path / "choices.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    return {
        "name": "which",
        "kind": "multiple-choice",
        "format": "gauntlet",
        "chance": 0.5,
        "data": {"local": "choices.jsonl"},
    }


def test_a_file_becomes_a_task(choices: dict[str, Any]) -> None:
    (task,) = load_tasks(track_with(choices))
    assert (task.name, task.kind, task.chance, len(task.items)) == ("which", "multiple-choice", 0.5, 40)
    assert [item.id for item in task.items] == [str(number) for number in range(40)]


def test_a_limit_draws_the_same_items_every_time_and_others_for_another_task(choices: dict[str, Any]) -> None:
    limited = choices | {"limit": 10}
    first, second, other = (load_tasks(track_with(task)) for task in (limited, limited, limited | {"name": "other"}))
    assert describe(first) == describe(second)
    assert len(first[0].items) == 10
    assert [item.id for item in other[0].items] != [item.id for item in first[0].items]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limit": 41}, "asks for 41 items where there are 40"),
        ({"data": None}, "names no data"),
        ({"format": "microworld/words"}, "embedded world, which is not the pool"),
    ],
)
def test_a_task_that_cannot_run_is_one_clear_error(choices: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(EvaluationError, match=words) as caught:
        load_tasks(track_with(choices | change))
    assert "which" in str(caught.value)
    assert "alpaca-cpu" in str(caught.value)


@pytest.mark.parametrize("kind", [{"kind": "pairwise-judge", "baseline": "b"}, {"kind": "graded-judge"}])
def test_a_judge_that_is_not_pinned_is_refused(choices: dict[str, Any], kind: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError, match="Task which: the judge j is not pinned"):
        load_tasks(track_with(choices | kind | {"judge": "j"}))


def test_multiple_choice_wants_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "q", "answer": "a"}', encoding="utf-8")
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    task = {"name": "g", "kind": "multiple-choice", "format": "gsm8k", "data": {"local": "a.jsonl"}}
    with pytest.raises(EvaluationError, match="'gsm8k' has no choices"):
        load_tasks(track_with(task))


def test_the_embedded_world_gives_its_held_out_items() -> None:
    groups = world(3).tasks()
    tasks = load_tasks(
        in_the_world(*({"name": name, "kind": "exact-match", "format": f"microworld/{name}"} for name in groups))
    )
    assert [len(task.items) for task in tasks] == [len(items) for items in groups.values()]
    first, item = groups[tasks[0].name][0], tasks[0].items[0]
    assert (item.instruction, item.input, item.reference) == (first.instruction, first.input, first.output)
    with pytest.raises(EvaluationError, match="has no items 'word'"):
        load_tasks(in_the_world({"name": "w", "kind": "exact-match", "format": "microworld/word"}))
