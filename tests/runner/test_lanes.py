"""Lanes and GPUs: each lane sees one, several lanes share one, and none is asked for where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_track import experiment

from suite.runner.lanes import Lane, LaneSettings


def seen_by(jobs: int, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What CUDA_VISIBLE_DEVICES says in the trainer and the evaluator of every lane."""
    monkeypatch.setattr("suite.runner.lanes.visible_gpus", lambda: gpus)
    settings = LaneSettings.of(experiment(), jobs)
    lanes = [Lane(number, settings) for number in range(jobs)]
    seen = [lane.trainer.environment["CUDA_VISIBLE_DEVICES"] for lane in lanes]
    assert seen == [lane.evaluator.environment["CUDA_VISIBLE_DEVICES"] for lane in lanes]
    return seen


@pytest.mark.parametrize(
    ("jobs", "gpus", "seen"),
    [
        (4, ("0",), ["0", "0", "0", "0"]),
        (5, ("0", "1"), ["0", "1", "0", "1", "0"]),
        (2, ("3", "GPU-4a"), ["3", "GPU-4a"]),
        (2, (), ["", ""]),
    ],
)
def test_lanes_share_the_gpus_there_are(
    jobs: int, gpus: tuple[str, ...], seen: list[str], own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen_by(jobs, gpus, monkeypatch) == seen
