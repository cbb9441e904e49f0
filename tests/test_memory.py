"""A GPU's memory is given back when nothing holds it any more: to a judge's vLLM, say, which wants nearly all of it.

The GPU is imitated where torch is asked for it: each time that memory is given back, what is still held is noted.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from tiny_track import experiment

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.store import FeatureStore
from suite.memory import gpu_in_use
from suite.pool import Pool, pool_from_records
from suite.registry import Strategy
from suite.reproducible import NONE_DETERMINISTIC, run_reproducibly
from suite.runner.cells import Cell
from suite.runner.runner import Runner
from suite.runner.workers import Worker, WorkerFailed

POOL = pool_from_records([{"id": str(i), "instruction": f"ask {i}", "output": f"answer {i}"} for i in range(4)])
models: weakref.WeakSet[Model] = weakref.WeakSet()


class Model:
    """Holds itself in a cycle, as trainers and models with hooks do."""

    def __init__(self) -> None:
        self.own = self
        models.add(self)


def card(held: list[int]) -> dict[str, Callable[[], Any]]:
    """What is asked of `torch.cuda`; `held` gets how many models are alive each time memory is given back."""
    return {"is_initialized": lambda: True, "empty_cache": lambda: held.append(len(models))}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    import torch

    noted: list[int] = []
    for name, answer in card(noted).items():
        monkeypatch.setattr(torch.cuda, name, answer)
    yield noted
    models.clear()


@dataclass(frozen=True)
class Reading(Feature):
    """Reads a pool with a model, which may fail."""

    fails: bool = False

    kind: ClassVar[str] = "reading"

    def compute(self, pool: Pool, features: Features, progress: Any) -> dict[str, np.ndarray]:
        model = Model()
        if self.fails:
            raise FeatureError(f"{type(model).__name__} cannot read this")
        return {"read": np.arange(len(pool))}


def test_a_feature_leaves_nothing_on_the_gpu(tmp_path: Path, held: list[int]) -> None:
    found = FeatureStore(tmp_path).ensure(Reading(), POOL, TrackContext("test", len(POOL)))
    assert found.arrays["read"].tolist() == [0, 1, 2, 3]
    assert held == [0]


@dataclass(frozen=True)
class Reader(Strategy):
    """Selects by a feature that fails."""

    name: ClassVar[str] = "reader"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        return (Reading(fails=True),)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        raise AssertionError("its feature fails")


def test_a_feature_that_failed_leaves_nothing_when_lanes_begin(held: list[int]) -> None:
    run = experiment()
    run.tokenizer = "none is read"  # nor is a base model made for its own
    cell = Cell(run.track, Reader(), 8, "tiny-llama", 0, 1)
    outcome = Runner(run, jobs=1).run([cell])
    assert [failure.reason for failure in outcome.failed] == ["Model cannot read this"]
    assert held[-1] == 0


def test_a_second_try_does_not_stand_beside_the_first(held: list[int]) -> None:
    tries: list[str] = []

    def work(mode: str) -> str:
        tries.append(mode)
        model = Model()
        if mode == "strict":
            raise RuntimeError(f"{type(model).__name__} {NONE_DETERMINISTIC}")
        return f"made {mode}"

    assert run_reproducibly(work) == "made warn-only"
    assert (tries, held) == (["strict", "warn-only"], [0])


def handler() -> Callable[[Any, Callable[[int, int], None]], Any]:
    """Runs in a worker whose torch is a card and nothing else: loads a model, fails with it, and says what was held."""
    noted: list[int] = []
    sys.modules["torch"] = SimpleNamespace(cuda=SimpleNamespace(**card(noted)))  # type: ignore[assignment]

    def handle(payload: str, progress: Callable[[int, int], None]) -> list[int]:
        model = Model()
        if payload == "fail":
            raise MemoryError(f"no room for {type(model).__name__}")
        return list(noted)

    return handle


def test_a_worker_gives_back_what_a_call_held_that_failed(tmp_path: Path) -> None:
    worker = Worker("tests.test_memory:handler", threads=1, log=tmp_path / "log")
    try:
        with pytest.raises(WorkerFailed, match="no room for Model"):
            worker.call("fail", lambda done, total: None)
        worker.call("work", lambda done, total: None)
        assert worker.call("say", lambda done, total: None) == [0, 0], "after the failure, and after the success"
    finally:
        worker.stop()


def test_without_torch_no_gpu_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert not gpu_in_use()
    assert "torch" not in sys.modules
