"""Each kind of change, planted: a tie-break, a metric, a slow kernel, more memory, a failure; and no change at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from regression.called import regress

import strategies.kernels
from suite.registry import metrics
from suite.regression import checking
from suite.regression.baseline import FILE, Baseline, read_baseline
from suite.regression.checking import check
from suite.regression.golden import Golden
from suite.regression.observing import Laboratory
from suite.regression.verdicts import Judged, Verdict, exit_code


def judged(baseline: Baseline, laboratory: Laboratory, *specs: str, **options: Any) -> dict[str, Judged]:
    return {one.spec: one for one in check(baseline, specs, laboratory, **options).judged}


def verdicts(one: Judged) -> dict[str, str]:
    return {aspect.name: str(aspect.verdict) for aspect in one.aspects}


def test_nothing_changed(baseline: Baseline, laboratory: Laboratory) -> None:
    for one in judged(baseline, laboratory, *baseline.strategies).values():
        assert verdicts(one)["picks"] == verdicts(one)["metrics"] == "identical"
        assert verdicts(one)["memory"] == "equivalent"


def test_a_tie_break_reversed(baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equal values the highest row wins: the kernel is asked on the reversed pool."""
    kernel = strategies.kernels.novelselect

    def turned(values: np.ndarray) -> np.ndarray:
        # Laid out and closed to writing as before: the kernel is not compiled once more.
        found = np.ascontiguousarray(values[::-1])
        found.setflags(write=values.flags.writeable)
        return found

    def reversed_ties(embeddings: np.ndarray, density: np.ndarray, budget: int, *, first: int, **options: Any) -> Any:
        last = len(embeddings) - 1
        options["quality"] = None if options.get("quality") is None else turned(options["quality"])
        return last - kernel(turned(embeddings), turned(density), budget, first=last - first, **options)

    monkeypatch.setattr(strategies.kernels, "novelselect", reversed_ties)
    one = judged(baseline, laboratory, "novelselect", timed=False)["novelselect"]
    picks = one.aspect("picks")
    assert picks is not None
    assert picks.verdict is Verdict.broken
    assert exit_code(one.verdict) == 2
    step = int(picks.numbers["first_difference"] or 0) - 1
    assert picks.numbers["golden"] == baseline.strategies["novelselect"].picks[step]
    assert int(str(picks.numbers["picked"])) > int(str(picks.numbers["golden"]))
    assert 0 < float(picks.numbers["jaccard"] or 0) < 1
    assert "the strategy or its kernel changed" in picks.detail


def test_a_metric_off_by_a_thousandth(
    baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendi: Any = metrics.get("vendi")
    right = vendi.measure
    monkeypatch.setattr(vendi, "measure", lambda self, *given: right(self, *given) * (1 + 1e-3))
    one = judged(baseline, laboratory, "k-center", timed=False)["k-center"]
    assert verdicts(one) == {"picks": "identical", "metrics": "broken"}
    aspect = one.aspect("metrics")
    assert aspect is not None
    assert list(aspect.numbers) == ["vendi"]
    assert exit_code(one.verdict) == 2


@pytest.mark.parametrize("rounding", [1e-12, -1e-9])
def test_a_metric_that_rounds_otherwise(
    baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, rounding: float
) -> None:
    vendi: Any = metrics.get("vendi")
    right = vendi.measure
    monkeypatch.setattr(vendi, "measure", lambda self, *given: right(self, *given) * (1 + rounding))
    assert verdicts(judged(baseline, laboratory, "k-center", timed=False)["k-center"])["metrics"] == "equivalent"


def slower(kernel: Callable[..., Any], share: float) -> Callable[..., Any]:
    """The same kernel, spending more processor time by a share of its own."""

    def slow(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        found = kernel(*arguments, **options)
        end = time.process_time() + share * (time.process_time() - started)
        while time.process_time() < end:
            pass
        return found

    return slow


def test_a_kernel_made_slower(baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """By half; one that takes twice as long is in the next test."""
    monkeypatch.setattr(strategies.kernels, "novelselect", slower(strategies.kernels.novelselect, 0.5))
    found = check(baseline, ["novelselect"], laboratory, measured=False)
    (one,) = found.judged
    assert verdicts(one) == {"picks": "identical", "time": "worse", "memory": "equivalent"}
    assert exit_code(one.verdict) == 1
    assert len(found.found["novelselect"].timings) == checking.SESSIONS


def test_a_slow_kernel_has_exit_status_1(baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline.write(tmp_path / FILE)
    monkeypatch.setattr(strategies.kernels, "novelselect", slower(strategies.kernels.novelselect, 1.0))
    summary = tmp_path / "summary.md"
    said = regress("-b", str(tmp_path), "--strategies", "novelselect", "--markdown", str(summary), status=1)
    assert "1 strategies: 1 worse." in said
    row = "| `novelselect` | **worse** | identical (all 60) | identical (all 18) | worse ("
    assert row in summary.read_text()
    assert "times the recorded time, the median of 5 sessions" in summary.read_text()


@pytest.mark.long
def test_the_fixture_asserts_time_where_it_is_asked_to(
    baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untimed = baseline.strategies["random"].model_copy(update={"time": None, "memory": None})
    baseline.merged({"random": untimed}).write(tmp_path / FILE)
    with Golden(tmp_path / FILE) as golden:
        assert golden.complaint("novelselect", timed=True) == ""
        assert "has no time of random to compare with" in golden.complaint("random", timed=True)
        assert golden.complaint("random") == ""
        monkeypatch.setattr(strategies.kernels, "novelselect", slower(strategies.kernels.novelselect, 1.0))
        assert golden.complaint("novelselect") == ""
        said = golden.complaint("novelselect", timed=True)
    assert "times the recorded time, the median of 5 sessions" in said
    assert "If that is meant, run pytest --breadth-update" in said
    with Golden(tmp_path / FILE, update=True) as golden:
        assert golden.complaint("novelselect", timed=True) == golden.complaint("random", timed=True) == ""
    made = read_baseline(tmp_path / FILE).strategies
    assert made["k-center"] == baseline.strategies["k-center"]
    assert made["random"].time is not None
    was, now = baseline.strategies["novelselect"], made["novelselect"]
    assert was.time is not None
    assert now.time is not None
    assert all(now.time.ratios[name] > 1.25 * ratio for name, ratio in was.time.ratios.items())
    assert now.model_copy(update={"time": was.time}) == was
    with Golden(tmp_path / FILE) as golden:
        assert golden.complaint("novelselect", timed=True) == ""


def test_more_memory(baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = strategies.kernels.k_center

    def wasteful(*arguments: Any, **options: Any) -> Any:
        held = np.ones(2_000_000, dtype=np.uint8)
        return kernel(*arguments, **options) + held[:1].astype(np.int64) - 1

    monkeypatch.setattr(strategies.kernels, "k_center", wasteful)
    one = judged(baseline, laboratory, "k-center", measured=False)["k-center"]
    assert verdicts(one)["picks"] == "identical"
    assert verdicts(one)["memory"] == "worse"


def test_a_failure_says_what_failed(
    baseline: Baseline, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(strategies.kernels, "k_center", broken)
    one = judged(baseline, laboratory, "k-center")["k-center"]
    assert one.verdict is Verdict.broken
    assert "ZeroDivisionError: no luck" in one.aspects[0].detail


def test_a_strategy_that_is_not_reproducible(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, seen = strategies.kernels.k_center, [0]

    def fickle(*arguments: Any, **options: Any) -> Any:
        seen[0] += 1
        found = kernel(*arguments, **options)
        return found if seen[0] % 2 else found[::-1]

    from suite.registry import strategies as registry

    monkeypatch.setattr(strategies.kernels, "k_center", fickle)
    assert "picks other rows when it is asked again" in laboratory.observe(registry.parse("k-center")).failure


def test_a_strategy_that_is_gone(baseline: Baseline, laboratory: Laboratory) -> None:
    lost = baseline.merged({"gone-away": baseline.strategies["random"]})
    one = judged(lost, laboratory, "gone-away")["gone-away"]
    assert one.verdict is Verdict.broken
    assert "There is no strategy 'gone-away'" in one.aspects[0].detail


@pytest.mark.parametrize(
    ("runs", "timed"),
    [pytest.param(3, False, id="short"), pytest.param(20, True, id="timed", marks=pytest.mark.long)],
)
def test_no_false_alarm(baseline: Baseline, laboratory: Laboratory, runs: int, timed: bool) -> None:
    for _ in range(runs):
        found = check(baseline, baseline.strategies, laboratory, measured=not timed, timed=timed)
        assert exit_code(found.verdict) == 0, [aspect.detail for one in found.judged for aspect in one.aspects]


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_no_false_alarm_in_twenty_processes(tmp_path: Path) -> None:
    """The whole command, every strategy and every aspect but quality, each time in a process of its own."""
    path = tmp_path / "baseline.json"
    command = [sys.executable, "-m", "suite.commands.main", "regress", "-b", str(path)]
    subprocess.run([*command, "--update", "--yes"], capture_output=True, check=True)
    for run in range(20):
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
        print(f"run {run + 1}: {json.loads(done.stdout)['verdict']}")
        assert done.returncode == 0, done.stderr
