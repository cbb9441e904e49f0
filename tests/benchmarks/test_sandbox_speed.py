"""What the sandbox costs: a selection within it against the same child without it, whole processes, wall time in turns.

The processor time of what runs under bubblewrap is not told to whoever started it, so it is the wall that is compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hostile import LIMITS, job_of, tiny_pool
from pytest_benchmark.fixture import BenchmarkFixture

from suite.intake.sandbox.handed import write_pool
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.libraries import library_places
from suite.intake.sandbox.programs import Program, judge
from suite.intake.sandbox.supervise import run_job

ROUNDS = 5
MOST = 1.6
"""How many times as long a selection may take in the sandbox that does next to nothing but start."""

STRATEGY = """
from dataclasses import dataclass
import numpy as np, scipy.sparse, sklearn.cluster
from suite.registry import Strategy, register

@register("my-method", level="meso", deterministic=True)
@dataclass(frozen=True)
class MyMethod(Strategy):
    def select(self, pool, budget, *, features, rng):
        lengths = np.array([len(text) for text in pool.texts("response")])
        return np.argsort(lengths, kind="stable")[:budget]
"""

# The very script of the sandbox with its files elsewhere, no limits and no change of user.
PLAIN = """
import sys
child_root, *files = sys.argv[1:]
sys.path.append(child_root)
from suite.intake.sandbox import child
child.JOB, child.CODE, child.POOL = files
sys.argv = sys.argv[:1]
child._limit = child._drop = lambda what: None
child.main()
"""


def plain(folder: Path, job: dict[str, Any]) -> tuple[bytes, float]:
    """The answer of the child without a sandbox, and its seconds."""
    reading, writing = os.pipe()
    libraries = sorted({str(place.parent) for place in library_places().values()})
    document = {**job, "path": libraries, "user": None, "answer": writing, "limits": {}}
    (folder / "job.json").write_text(json.dumps(document), encoding="utf-8")
    files = [str(folder / name) for name in ("job.json", "strategy.py", "pool.arrow")]
    root = str(Path(__file__).parents[2])
    started = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", PLAIN, root, *files], pass_fds=[writing], check=True)
    seconds = time.perf_counter() - started
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        return file.read(), seconds


def test_a_selection_in_the_sandbox_against_one_without(
    benchmark: BenchmarkFixture, isolation: Isolation, tmp_path: Path
) -> None:
    (tmp_path / "strategy.py").write_text(STRATEGY)
    (tmp_path / "strategy.py").chmod(0o644)
    write_pool(tiny_pool(), tmp_path / "pool.arrow")
    job = job_of(tiny_pool())
    handed = {f"/job/{name}": tmp_path / name for name in ("strategy.py", "pool.arrow")}
    within, without = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        outcome = run_job(isolation, job, handed, LIMITS)
        within.append(time.perf_counter() - started)
        answer, seconds = plain(tmp_path, job)
        without.append(seconds)
        assert json.loads(outcome.answer)["rows"] == json.loads(answer)["rows"]
    ratio = statistics.median(within) / statistics.median(without)
    benchmark.extra_info["peer"] = "the same child without a sandbox"
    benchmark.extra_info["ours_seconds"] = round(statistics.median(within), 3)
    benchmark.extra_info["peer_seconds"] = round(statistics.median(without), 3)
    benchmark.extra_info["ratio"] = round(ratio, 2)
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"\na selection in the sandbox: {statistics.median(within):.2f} s, {ratio:.2f} times as long as the same child "
        f"without it ({statistics.median(without):.2f} s)"
    )
    assert ratio <= MOST


def test_a_program_apart_from_its_tests_against_one_plain_child(
    benchmark: BenchmarkFixture, isolation: Isolation
) -> None:
    """Two sandboxes for each program, one at a time, against one unprotected interpreter that runs both."""
    prompt = "def total(a, b):\n    pass\n"
    test = "def check(candidate):\n    for a in range(50):\n        assert candidate(a, 1) == a + 1\n"
    program = Program("def total(a, b):\n    return a + b\n", "total", prompt, test)
    whole = f"{program.source}{test}\ncheck(total)"
    apart, together = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        assert [one.verdict for one in judge([program], isolation, jobs=1)] == ["passed"]
        apart.append(time.perf_counter() - started)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-S", "-c", whole], check=True)
        together.append(time.perf_counter() - started)
    ratio = statistics.median(apart) / statistics.median(together)
    benchmark.extra_info["peer"] = "one unprotected interpreter"
    benchmark.extra_info["ours_seconds"] = round(statistics.median(apart), 3)
    benchmark.extra_info["peer_seconds"] = round(statistics.median(together), 3)
    benchmark.extra_info["ratio"] = round(ratio, 1)
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"\na program judged in two sandboxes: {statistics.median(apart):.3f} s, {ratio:.1f} times as long as one "
        f"unprotected interpreter ({statistics.median(together):.3f} s)"
    )
    assert ratio <= 15


pytestmark = pytest.mark.benchmark(timer=time.perf_counter)
