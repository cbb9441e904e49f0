"""`breadth evaluate` and `breadth judge`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from judges import build_judge
from tiny_track import command_in_process

from suite.errors import EvaluationError, StorageError, UsageError


@pytest.fixture(autouse=True)
def real_data(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))


def test_the_suites_are_listed() -> None:
    said = command_in_process("evaluate", "--list")
    assert all(name in said for name in ("mmlu", "ifeval", "arena-hard", "mt-bench", "Hendrycks"))


def test_a_dry_run_runs_nothing(tiny_base: Path) -> None:
    said = command_in_process(
        "evaluate", str(tiny_base), "--suite", "alpaca-eval,mt-bench", "--limit", "9", "--dry-run"
    )
    assert "Llama-3.3-70B-Instruct at 6f6073b4" in said
    assert "Nothing was run." in said


def test_a_judged_suite_from_end_to_end(tiny_base: Path, tmp_path: Path) -> None:
    judge = build_judge(tiny_base, tmp_path / "judge", "[[A]]")
    kept = tmp_path / "scores.json"
    options = ("--limit", "3", "--max-new-tokens", "8", "--max-length", "128", "--template", "plain", "-o", str(kept))
    said = command_in_process("evaluate", str(tiny_base), "--suite", "alpaca-eval", "--judge", str(judge), *options)
    assert "50.0 %" in said
    assert "preferred when shown first 1.000" in said
    assert "Bradley-Terry" in said
    document = json.loads(kept.read_text())
    assert document["versions"]["engine"] == "transformers"
    assert document["scores"][0]["values"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--suite", "mmlus"), "no suite 'mmlus'"),
        ((), "Name suites with --suite: mmlu"),
        (("--suite", "mmlu", "--engine", "tgi"), "--engine is auto, transformers or vllm"),
        (("--suite", "mmlu", "--adapter", "nowhere"), "no adapter folder nowhere"),
    ],
)
def test_what_cannot_be_evaluated(tiny_base: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        command_in_process("evaluate", str(tiny_base), *arguments)


def test_a_judge_is_asked_about_published_judgements(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="the judge org/model is not pinned"):
        command_in_process("judge", "org/model")
    with pytest.raises(UsageError, match="no model with published judgements 'nobody'"):
        command_in_process("judge", str(tiny_base), "--of", "nobody")


def test_judgements_that_cannot_be_had(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    monkeypatch.setattr("suite.evaluation.judging.published.RAW", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"evals/alpaca_eval/annotations/phi-2\.json is not in BREADTH_DATA"):
        command_in_process("judge", str(tiny_base), "--of", "phi-2")
