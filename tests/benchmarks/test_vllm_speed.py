"""Twelve adapters in one vLLM engine against merging each, starting an engine on it, evaluating and stopping."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from tiny_models import build_tiny_base, save_adapters

ADAPTERS = 12
NAIVE = 3
"""Adapters that go the naive way; each costs the same, so its time stands for all twelve."""
FLOOR = 4
# Four starts of vLLM, each a minute or more on a busy machine.
pytestmark = [pytest.mark.benchmark(timer=time.process_time), pytest.mark.timeout(1800)]

EVALUATE = """
import json, sys
from pathlib import Path
from suite.engines.protocol import GenerationRequest, LikelihoodRequest
from suite.engines.vllm.engine import VllmEngine, VllmSettings

def questions(adapter):
    prompts = [tuple(range(5, 15 + place % 5)) for place in range(64)]
    return (
        [GenerationRequest(ids, 16, (), adapter) for ids in prompts],
        [LikelihoodRequest(ids[:6], ids[6:], adapter) for ids in prompts],
    )

def answers(engine, adapters):
    asked = [questions(adapter) for adapter in adapters]
    texts = engine.generate([one for text, _ in asked for one in text])
    scores = engine.log_likelihoods([one for _, score in asked for one in score])
    return [
        [texts[64 * n : 64 * n + 64], [round(one.log_likelihood, 2) for one in scores[64 * n : 64 * n + 64]]]
        for n in range(len(adapters))
    ]
"""
TOGETHER = """
base, *folders = sys.argv[1:]
engine = VllmEngine(Path(base), settings=VllmSettings(rank=4, adapters=12))
for folder in folders:
    engine.add_adapter(folder, Path(folder))
print(json.dumps(answers(engine, folders)))
engine.close()
"""
ALONE = """
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, folder = sys.argv[1:]
merged = Path(folder) / "merged"
PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).merge_and_unload().save_pretrained(merged)
AutoTokenizer.from_pretrained(base).save_pretrained(merged)
engine = VllmEngine(merged, settings=VllmSettings(adapters=0))
print(json.dumps(answers(engine, [None])))
engine.close()
"""


def worker(script: str, *arguments: Path, python: str) -> tuple[list[object], float]:
    """What a process prints, and the CPU seconds it took with the vLLM it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "BREADTH_VLLM_PYTHON": python},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_adapters_in_one_vllm_against_merge_start_evaluate_stop(
    benchmark: BenchmarkFixture, tmp_path: Path, vllm_python: str
) -> None:
    base = build_tiny_base(tmp_path / "base", hidden=64)
    adapters = save_adapters(base, tmp_path, ADAPTERS)
    together, one_engine = worker(TOGETHER, base, *adapters, python=vllm_python)
    apart = [worker(ALONE, base, adapter, python=vllm_python) for adapter in adapters[:NAIVE]]
    naive = ADAPTERS * sum(seconds for _, seconds in apart) / NAIVE
    ratio = naive / one_engine
    benchmark.extra_info["peer"] = f"{ADAPTERS} times merge, start, evaluate, stop"
    benchmark.extra_info["ours_seconds"] = round(one_engine, 2)
    benchmark.extra_info["ratio"] = round(ratio, 1)
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"\n{ADAPTERS} adapters in one vLLM: {one_engine:.1f} s, {ratio:.1f} times as fast as the naive {naive:.1f} s"
    )
    # A merged weight is rounded once more than the sum of two products, so a text may part at a near tie.
    for mine, ((text, scores),) in zip(together, (found for found, _ in apart), strict=False):
        same = [one == other for one, other in zip(mine[0], text, strict=True)]  # type: ignore[index]
        assert sum(same) >= 0.9 * len(same)
        assert max(abs(a - b) for a, b in zip(mine[1], scores, strict=True)) <= 0.05  # type: ignore[index]
    assert ratio >= FLOOR
