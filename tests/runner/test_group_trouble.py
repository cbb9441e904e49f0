"""Fine-tunes that cannot be evaluated in company are evaluated one by one: no cell both fails and is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_track import experiment

from suite.errors import StorageError
from suite.registry import strategies
from suite.runner import runner as running
from suite.runner.cells import Wanted, plan_cells
from suite.runner.executors import ExecutorLost, LocalLanes, LocalSeat, SeatLost
from suite.runner.runner import LOSSES_FORGIVEN, Runner, Watcher
from suite.runner.schedule import Unit
from suite.runner.work import GroupJob
from suite.runner.workers import WorkerDied, WorkerFailed


class Alone:
    """An evaluator that has no luck with groups, in front of one that works."""

    def __init__(self, evaluator: Any, trouble: Exception):
        self.evaluator, self.trouble = evaluator, trouble
        self.groups = 0

    def call(self, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        if isinstance(payload, GroupJob):
            self.groups += 1
            raise self.trouble
        return self.evaluator.call(payload, on_progress)

    def start(self) -> None:
        self.evaluator.start()

    def stop(self) -> None:
        self.evaluator.stop()


class Seats(LocalLanes):
    """One lane of this machine with such an evaluator."""

    def __init__(self, trouble: Exception):
        super().__init__(1)
        self.trouble = trouble
        self.made: list[Alone] = []

    def seat(self, number: int, *, threads: int, logs: Path) -> LocalSeat:
        seat = super().seat(number, threads=threads, logs=logs)
        self.made.append(Alone(seat.evaluator, self.trouble))
        seat.evaluator = self.made[-1]  # type: ignore[assignment]
        return seat


class Noting(Watcher):
    """Keeps what was said to have failed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def failed(self, lane: int, unit: Unit, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def groups_of_a_run(tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], Any]:
    """Runs three cells in company with that trouble: the runner, how often the group was tried, and what was said."""
    monkeypatch.setattr(running, "wants_company", lambda track, engine: True)

    def run(trouble: Exception) -> tuple[Runner, int, list[str], list[str]]:
        said: list[str] = []
        made = replace(experiment(), notify=said.append)
        seats, watcher = Seats(trouble), Noting()
        runner = Runner(made, executor=seats, watcher=watcher)
        cells = plan_cells(made.track, [strategies.parse("longest")], Wanted(seeds=2))
        assert len(cells) == 3
        try:
            runner.run(cells)
        finally:
            groups = seats.made[0].groups
        return runner, groups, said, watcher.reasons

    return run


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (OSError("no buffer space"), 1),
        (WorkerFailed("out of memory."), 1),
        (WorkerDied("killed."), 1),
        (SeatLost("the machine is gone."), 1 + LOSSES_FORGIVEN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_cannot_be_evaluated_in_company_is_evaluated_alone(
    groups_of_a_run: Callable[[Exception], Any], trouble: Exception, tries: int
) -> None:
    runner, groups, said, reasons = groups_of_a_run(trouble)
    assert groups == tries
    assert (len(runner.outcome.recorded), runner.outcome.failed, reasons) == (3, [], [])
    told = [line for line in said if "evaluated one by one" in line]
    assert len(told) == 1
    assert told[0].startswith("3 models of tiny-llama together: ")
    assert str(trouble) in told[0]
    assert sum("tried again" in line for line in said) == tries - 1


@pytest.mark.parametrize("trouble", [StorageError("full"), ExecutorLost("gone")], ids=["storage", "executor"])
def test_what_ends_a_run_ends_it_in_company_too(
    groups_of_a_run: Callable[[Exception], Any], trouble: Exception
) -> None:
    with pytest.raises(type(trouble), match=str(trouble)):
        groups_of_a_run(trouble)
