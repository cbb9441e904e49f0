"""`breadth evaluate` and `breadth judge`, as they are typed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


QUESTIONS = 6
PREFERRED: dict[str, Sequence[float | None]] = {
    # 2 is the model, 1 the baseline, 0 and 1.5 are ties, None was never judged.
    "gpt4": (2, 2, 2, 2, 2, 2),
    "phi-2": (2, 1, 1.5, 1, 0, None),
    "text_davinci_001": (1, 1, 1, 1, 1, 1),
}


@pytest.fixture
def annotations(breadth_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up judgements of three models in BREADTH_DATA, in place of the published ones; judges' prompts are real."""
    folder = tmp_path / "data" / "evals" / "alpaca_eval" / "annotations"
    folder.mkdir(parents=True)
    for place in (breadth_data / "evals").iterdir():
        if place.name != "alpaca_eval":
            (tmp_path / "data" / "evals" / place.name).symlink_to(place)
    for model, preferences in PREFERRED.items():
        records = [
            {"instruction": f"Why {at}?", "output_1": f"base {at}", "output_2": f"{model} {at}", "preference": one}
            for at, one in enumerate(preferences)
        ]
        (folder / f"{model}.json").write_text(json.dumps(records))
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("suite.evaluation.judging.published.SHA256", dict.fromkeys(PREFERRED))


def rows(said: str) -> dict[str, list[str]]:
    """The cells of each row of a printed table, by its first cell."""
    cells = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines()]
    return {row[0]: row[1:] for row in cells}


@pytest.mark.usefixtures("annotations")
def test_agreement_of_a_judge_with_published_judgements(tiny_base: Path, tmp_path: Path, own_home: Path) -> None:
    judge = build_judge(tiny_base, tmp_path / "judge", "[[A]]")
    kept = tmp_path / "agreement.json"

    planned = command_in_process("judge", str(judge), "--dry-run", "-o", str(kept))
    assert "17 pairs of 3 models, 34 prompts. Nothing was run." in planned
    assert not kept.exists()
    assert not (own_home / "verdicts").exists()

    said = command_in_process("judge", str(judge), "-o", str(kept))
    # It prefers what is shown first, whoever wrote it: turned round, every pair is a tie, as two of the published are.
    table = rows(said)
    assert table["gpt4"] == ["6", "50.0 %", "100.0 %", "0.0 %", "-", "0.00", "0.0 %", "0.0 %"]
    assert table["phi-2"] == ["5", "50.0 %", "40.0 %", "40.0 %", "-", "0.00", "0.0 %", "0.0 %"]
    assert table["all"] == ["17", "11.8 %", "-", "0.00", "0.0 %", "0.0 %"]
    assert "preferred in 100.0 % of the decided verdicts (no bias: 50 %)" in said
    assert "Spearman" not in said, "a judge that ties all models orders none"
    assert f"34 verdicts are new; all are kept in {own_home / 'verdicts'}" in said

    document: dict[str, Any] = json.loads(kept.read_text())
    assert document["judge"] == str(judge)
    assert document["spearman"] is None
    assert [row["model"] for row in document["models"]] == list(PREFERRED)
    assert [row["published"] for row in document["models"]] == [1.0, 0.4, 0.0]
    overall = document["overall"]
    assert (overall["pairs"], overall["agreement"], overall["decided_agreement"]) == (17, pytest.approx(2 / 17), None)
    assert (overall["first_place"], overall["consistency"], overall["unreadable"]) == (1.0, 0.0, 0.0)


@pytest.mark.usefixtures("annotations")
def test_what_was_judged_once_is_not_judged_again(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = str(build_judge(tiny_base, tmp_path / "judge", "[[C]]"))
    first = command_in_process("judge", judge, "--of", "phi-2, gpt4", "--limit", "3")
    assert "12 verdicts are new" in first
    # Same pairs, whatever the limit: what a longer run asks contains what a shorter one asked.
    assert "10 verdicts are new" in command_in_process("judge", judge, "--of", "phi-2,gpt4")

    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError("the judge was loaded again")

    monkeypatch.setattr("suite.evaluation.judging.judge.open_engine", opened)
    again = command_in_process("judge", judge, "--of", "phi-2,gpt4", "--limit", "3")
    assert "0 verdicts are new" in again
    assert rows(again)["phi-2"] == rows(first)["phi-2"]
    assert rows(again)["phi-2"][1] == "50.0 %"
