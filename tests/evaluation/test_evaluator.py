"""Whose turn it is on a GPU: the bare base rests when it has been asked, in time for training and for a fine-tune."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_models import save_adapters

from suite.engines.protocol import GenerationRequest
from suite.engines.transformers import TransformersEngine
from suite.errors import EvaluationError
from suite.evaluation.exact_match import ExactMatch
from suite.evaluation.protocol import Item
from suite.evaluation.run import Evaluator
from suite.results import Training
from suite.training import TrainedModel

TASK = ExactMatch("exact", tuple(Item(str(n), f"ban dem {n}", reference="kin") for n in range(3)), 0.0, 4)
HELD = {"base": 5, "tuned": 7}


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What engines do with the memory that they hold, in order; each holds it in another process."""
    noted: list[str] = []

    class Noting(TransformersEngine):
        def __init__(self, folder: Path) -> None:
            self.called = "base" if (folder / "base").exists() else "tuned"
            super().__init__(folder, device="cpu")

        def generate(self, requests: Sequence[GenerationRequest]) -> list[list[int]]:
            noted.append(f"{self.called} runs")
            return super().generate(requests)

        def memory_elsewhere(self) -> int:
            return HELD[self.called]

        def rest(self) -> None:
            noted.append(f"{self.called} rests")
            super().rest()

        def close(self) -> None:
            noted.append(f"{self.called} ends")
            super().close()

    monkeypatch.setattr("suite.evaluation.run.open_engine", lambda name, folder, **_: Noting(folder))
    return noted


@pytest.fixture
def base(tiny_base: Path, tmp_path: Path) -> Path:
    return copied(tiny_base, tmp_path / "copy", "base")


def copied(model: Path, to: Path, mark: str) -> Path:
    import shutil

    shutil.copytree(model, to)
    (to / mark).touch()
    return to


def trained(folder: Path, kind: Any) -> TrainedModel:
    facts = Training(
        samples=1,
        dropped_by_truncation=0,
        steps=1,
        tokens_seen=1,
        trained_tokens=1,
        final_loss=None,
        loss_curve=(),
    )
    return TrainedModel(
        folder=folder,
        kind=kind,
        weights_sha256="a" * 64,
        training=facts,
        seconds=1.0,
        peak_memory_bytes=1,
        training_flops=1.0,
    )


def test_the_base_rests_before_a_full_fine_tune_is_trained_or_evaluated(
    base: Path, tiny_base: Path, tmp_path: Path, events: list[str]
) -> None:
    with Evaluator(base, template="plain", max_length=64) as evaluator:
        evaluator.evaluate([TASK], None)
        assert events == ["base runs", "base rests"]
        assert evaluator.memory_elsewhere == HELD["base"]
        evaluator.evaluate([TASK], trained(copied(tiny_base, tmp_path / "tuned", "tuned"), "full"))
        assert events[2:] == ["tuned runs", "tuned ends"]
        assert evaluator.memory_elsewhere == HELD["tuned"], "of the engine that was used"


def test_it_rests_when_its_evaluation_fails(base: Path, events: list[str]) -> None:
    with Evaluator(base, template="plain", max_length=64) as evaluator:
        with pytest.raises(EvaluationError, match="no items"):
            evaluator.evaluate([ExactMatch("none", (), 0.0)], None)
        assert events == ["base rests"]


def test_in_a_group_and_among_adapters_it_goes_on(base: Path, tmp_path: Path, events: list[str]) -> None:
    first, second = (trained(folder, "adapter") for folder in save_adapters(base, tmp_path / "adapters", 2))
    with Evaluator(base, template="plain", max_length=64) as evaluator:
        evaluator.evaluate_together([TASK], [None, first, second])
        evaluator.evaluate([TASK], first)
        evaluator.evaluate([TASK], second)
        assert set(events) == {"base runs"}
