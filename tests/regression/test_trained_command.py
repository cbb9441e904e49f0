"""`breadth regress --train` as people use it: a tenth of the quality lost is worse, and nothing is replaced unasked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from regression.called import regress
from tiny_track import TINY

from suite.errors import RegressionError
from suite.regression import quality
from suite.regression.baseline import FILE, Baseline
from suite.regression.quality import GivenPicks, beside
from suite.regression.setting import Setting
from suite.results import Result, TaskScore
from suite.runner.cells import Cell
from suite.runner.experiment import Experiment
from suite.track import load_track

LEARNED = {"epochs = 1": "epochs = 10", "max_steps = 4": "max_steps = 20", "limit = 6": "limit = 20"}
"""What the tiny track must have so that its models are better than none: to `full` by 9 standard errors."""


@pytest.fixture
def options(tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How `breadth regress` is called here, on a baseline with golden picks and results of models trained on them."""
    text = TINY.read_text()
    for old, new in LEARNED.items():
        assert text.count(old) >= 1
        text = text.replace(old, new)
    (tmp_path / "learned.toml").write_text(text)
    monkeypatch.setattr(quality, "training_track", lambda: load_track(str(tmp_path / "learned.toml")))
    Baseline(setting=Setting(world_seed=11, samples=60, budget=8).pinned()).write(tmp_path / FILE)
    asked = ["-b", str(tmp_path), "--strategies", "k-center", "--train", "--untimed", "--jobs", "1"]
    said = regress(*asked, "--update", "--yes")
    assert "k-center: 2 results of fine-tuned models, new" in said
    assert "5 results of fine-tuned models are kept beside it" in said  # untuned; full and k-center with two seeds each
    return asked


def lose_a_tenth(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on models trained on picks gain a tenth less on each item than those that were really trained."""
    (untuned,) = [result for result in beside(path).results() if result.cell.strategy == "untuned"]
    without = {task.name: task.unpack() for task in untuned.tasks}

    def lost(task: TaskScore) -> TaskScore:
        facts = {name: getattr(task, name) for name in ("name", "kind", "unit", "chance", "items_sha256")}
        return TaskScore.pack(without[task.name] + 0.9 * (task.unpack() - without[task.name]), **facts)

    right = Experiment.results

    def results(self: Experiment, cell: Cell, *given: Any, **named: Any) -> list[Result]:
        found = right(self, cell, *given, **named)
        if not isinstance(cell.strategy, GivenPicks):
            return found
        # Not a copy: a record's hash is of what it holds.
        facts = [{name: getattr(result, name) for name in Result.model_fields} for result in found]
        return [Result(**one | {"tasks": tuple(map(lost, one["tasks"]))}) for one in facts]

    monkeypatch.setattr(Experiment, "results", results)


def kept(folder: Path) -> dict[str, bytes]:
    """The baseline and its results, by path."""
    files = [folder / FILE, *beside(folder / FILE).folder.rglob("*.json")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_tenth_lost_has_exit_status_1(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    assert "identical (same models)" in regress(*options, "--markdown", str(summary))
    assert "| quality |" in summary.read_text()
    assert "| identical (same models) |" in summary.read_text()
    lose_a_tenth(tmp_path / FILE, monkeypatch)
    document = json.loads(regress(*options, "--json", "--markdown", str(summary), status=1))
    assert (document["verdict"], document["exit_status"]) == ("worse", 1)
    aspects = document["strategies"]["k-center"]["aspects"]
    assert {name: aspect["verdict"] for name, aspect in aspects.items()} == {
        "picks": "identical",
        "metrics": "identical",
        "quality": "worse",
    }
    numbers = aspects["quality"]["numbers"]
    assert numbers["difference"] == pytest.approx(-0.1 * numbers["baseline"], abs=0.01)
    assert numbers["low"] < numbers["difference"] < numbers["high"] < 0
    text = summary.read_text()
    assert "1 strategies: 1 worse." in text
    assert (
        f"| `k-center` | **worse** | identical (all 8) | identical (all 18) | worse ({aspects['quality']['summary']}"
        in (text.replace("\\", ""))
    )
    assert "quality worse. Models trained on its picks score" in text


def test_results_are_replaced_after_asking(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept(tmp_path)
    assert "nothing was written" in regress(*options, "--update")
    assert kept(tmp_path) == before
    lose_a_tenth(tmp_path / FILE, monkeypatch)
    with pytest.raises(RegressionError, match="Nothing was written"):
        regress(*options, "--update", answer="n\n")
    assert kept(tmp_path) == before
    said = regress(*options, "--update", answer="y\n").replace("\n", " ")
    numbers = r"quality \d+\.\d -> \d+\.\d \(-\d+\.\d points \[.+?\]\)"
    assert re.search(rf"k-center: {numbers}, 2 results of fine-tuned models in place of 2 ", said), said
    after = kept(tmp_path)
    assert len(after) == len(before)
    assert len(after.keys() & before.keys()) == len(before) - 2
    assert after[FILE] == before[FILE]
    assert "identical (same models)" in regress(*options)
