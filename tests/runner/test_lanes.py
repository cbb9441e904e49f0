"""Lanes and GPUs: each lane sees its own, several lanes share them, and none is asked for where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.commands.executing import Where
from suite.errors import UsageError
from suite.machine import cores
from suite.runner.executors import LocalLanes


def seen_by(jobs: int | None, per_cell: int, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What CUDA_VISIBLE_DEVICES says in the trainer and the evaluator of every lane."""
    monkeypatch.setattr("suite.runner.executors.visible_gpus", lambda: gpus)
    executor = LocalLanes(jobs, per_cell)
    seats = [executor.seat(number, threads=1, logs=Path("logs")) for number in range(executor.lanes())]
    seen = [seat.trainer.environment["CUDA_VISIBLE_DEVICES"] for seat in seats]
    assert seen == [seat.evaluator.environment["CUDA_VISIBLE_DEVICES"] for seat in seats]
    return seen


@pytest.mark.parametrize(
    ("jobs", "per_cell", "gpus", "seen"),
    [
        (4, 1, ("0",), ["0", "0", "0", "0"]),
        (5, 1, ("0", "1"), ["0", "1", "0", "1", "0"]),
        (2, 1, ("3", "GPU-4a"), ["3", "GPU-4a"]),
        (2, 1, (), ["", ""]),
        (None, 2, ("0", "1", "2", "3", "4"), ["0,1", "2,3"]),
        (3, 2, ("0", "1", "2", "3"), ["0,1", "2,3", "0,1"]),
        (2, 2, (), ["", ""]),
    ],
)
def test_lanes_share_the_gpus_there_are(
    jobs: int | None, per_cell: int, gpus: tuple[str, ...], seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen_by(jobs, per_cell, gpus, monkeypatch) == seen


def test_a_cell_cannot_have_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="2 GPUs, and this machine shows 1"):
        seen_by(1, 2, ("0",), monkeypatch)


@pytest.mark.parametrize("jobs", [0, -1])
def test_lanes_are_at_least_one(jobs: int) -> None:
    with pytest.raises(UsageError, match="--jobs must be at least 1"):
        LocalLanes(jobs)


@pytest.mark.parametrize("jobs", [None, 3])
@pytest.mark.parametrize(("per_cell", "cards"), [(1, 0), (2, 0), (1, 8), (2, 8), (3, 8)])
def test_a_dry_run_reckons_with_the_lanes_of_the_run(
    jobs: int | None, per_cell: int, cards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.runner.executors.visible_gpus", lambda: tuple(map(str, range(cards))))
    lanes = Where(jobs=jobs, gpus_per_cell=per_cell).lanes_here()
    assert lanes == LocalLanes(jobs, per_cell).lanes()
    assert lanes == (jobs or cards // per_cell or cores())
