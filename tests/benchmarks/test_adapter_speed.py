"""Evaluating adapters in one engine against one engine start for each: whole processes, in CPU time."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from tiny_models import build_tiny_base, save_adapters

ADAPTERS = 12
FLOOR = 4
pytestmark = pytest.mark.benchmark(timer=time.process_time)

# A worker's life: start the engine on a base model, then generate and score with each adapter it is given.
WORKER = """
import sys
from pathlib import Path
from suite.engines.protocol import GenerationRequest, LikelihoodRequest
from suite.engines.transformers import TransformersEngine
base, *adapters = sys.argv[1:]
engine = TransformersEngine(Path(base), device="cpu")
for folder in adapters:
    engine.add_adapter(folder, Path(folder))
    prompts = [tuple(range(5, 15 + place % 5)) for place in range(64)]
    print(engine.generate([GenerationRequest(ids, 16, (), folder) for ids in prompts]))
    pairs = [LikelihoodRequest(ids[:6], ids[6:], folder) for ids in prompts]
    print([round(one.log_likelihood, 3) for one in engine.log_likelihoods(pairs)])
    engine.remove_adapter(folder)
"""


def worker(base: Path, adapters: list[Path]) -> tuple[str, float]:
    """What a worker prints, and the CPU seconds it took from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(base), *map(str, adapters)], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_adapters_in_one_engine_against_one_start_each(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    base = build_tiny_base(tmp_path / "base")
    adapters = save_adapters(base, tmp_path, ADAPTERS)
    together, one_engine = worker(base, adapters)
    apart = [worker(base, [adapter]) for adapter in adapters]
    ratio = sum(seconds for _, seconds in apart) / one_engine
    benchmark.extra_info["peer"] = f"{ADAPTERS} engine starts"
    benchmark.extra_info["ours_seconds"] = round(one_engine, 2)
    benchmark.extra_info["ratio"] = round(ratio, 1)
    benchmark.pedantic(lambda: None, rounds=1)
    print(f"\n{ADAPTERS} adapters in one engine: {ratio:.1f} times as fast as {ADAPTERS} engine starts")
    assert together == "".join(text for text, _ in apart)
    assert ratio >= FLOOR
