"""Machines whose clocks are hours apart: no work is lost, none is done twice, and of two results one counts."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from factories import experiment, registration, task
from intake.queues import Clock, submitted, watch, worker

from suite.aggregate.rows import select_registered
from suite.intake.lifecycle import ClaimLost, Terms
from suite.intake.queue import Queue
from suite.intake.requests import Request
from suite.intake.watch import Watch
from suite.stores import LocalStore

TERMS = Terms()
APART = [(-30, 30), (30, -30), (-6, 0), (6, 0), (0, -1), (0, 1), (0, 0), (6, 6)]
"""Hours by which the clocks of two machines are off."""


class Machine:
    """A worker with a clock of its own on one board."""

    def __init__(self, folder: Path, name: str, hours: int):
        self.name, self.clock = name, Clock(timedelta(hours=hours))
        self.queue = Queue(LocalStore(folder), terms=TERMS, clock=self.clock)
        self.watch: Watch = watch(self.clock)
        self.instance = f"{sum(name.encode()):016x}"

    def look(self) -> Request | None:
        """What it gets when it looks for work now."""
        record = worker(self.name).model_copy(update={"instance": self.instance})
        return self.queue.claim_next(record, watch=self.watch)


def together(machines: tuple[Machine, Machine], **span: float) -> None:
    """Time passes alike for both, whatever their clocks show."""
    for machine in machines:
        machine.clock.tick(**span)


@pytest.mark.parametrize(("ours", "theirs"), APART)
def test_long_work_is_done_once(ours: int, theirs: int, tmp_path: Path) -> None:
    """Four requests of three hours each, longer than any lease, on two machines that look for work all the time."""
    machines = (Machine(tmp_path, "w1", ours), Machine(tmp_path, "w2", theirs))
    for number in range(4):
        submitted(machines[0].queue, f"method-{number}", f"author{number}")
    held: dict[str, tuple[Request, int]] = {}
    published: list[str] = []
    for _ in range(40):
        for machine in machines:
            if machine.name not in held and (taken := machine.look()) is not None:
                held[machine.name] = (taken, 0)
        together(machines, minutes=15)
        for machine in machines:
            # The other one looks as well while it works, and watches what this one holds.
            machine.watch.look(machine.queue.listing().requests)
            if machine.name in held:
                request, quarters = held[machine.name]
                held[machine.name] = (machine.queue.beat(request), quarters + 1)
                if quarters + 1 == 12:
                    published.append(machine.queue.publish(held.pop(machine.name)[0], b"done").id)
    requests = machines[0].queue.listing().requests
    assert sorted(published) == sorted(request.id for request in requests)
    assert {(request.state, request.attempts, request.deaths) for request in requests} == {("published", 1, 0)}


@pytest.mark.parametrize(("ours", "theirs"), APART)
def test_a_dead_machine_is_found_and_a_late_one_told(ours: int, theirs: int, tmp_path: Path) -> None:
    machines = (Machine(tmp_path, "w1", ours), Machine(tmp_path, "w2", theirs))
    request = submitted(machines[0].queue)
    dead = machines[0].look()
    assert dead is not None
    taken, waited = machines[1].look(), timedelta()
    assert taken is None
    while taken is None:
        together(machines, minutes=5)
        waited += timedelta(minutes=5)
        taken = machines[1].look()
        assert waited <= TERMS.lease + TERMS.allowance + timedelta(minutes=5), "nobody took it over"
    assert waited >= TERMS.watched, "it was taken over without having been watched"
    assert (taken.id, taken.attempts, taken.deaths) == (request.id, 2, 1)
    for late in (lambda: machines[0].queue.beat(dead), lambda: machines[0].queue.publish(dead, b"late")):
        with pytest.raises(ClaimLost):
            late()
    assert machines[1].queue.publish(taken, b"in time").state == "published"
    assert machines[0].look() is None


def test_of_two_results_of_a_cell_one_counts_whatever_the_clocks_said() -> None:
    made = experiment({"k-center": 0.1}, seeds=2, draws=2, items=10)
    again = [
        record.model_copy(
            update={
                "tasks": (task([0.0, 1.0] * 5, "exact-0"), *record.tasks[1:]),
                "cost": record.cost.model_copy(update={"finished_at": moment}),
            }
        )
        for record, moment in zip(made, itertools.cycle(("2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z")))
    ]
    counted = []
    for order in (made + again, again + made, list(reversed(made + again))):
        groups, set_aside = select_registered(order, registration(2, 2))
        counted.append({record.record_id for records in groups.values() for record in records})
        assert len(counted[-1]) == len(made)
        assert len(set_aside) == len(made)
    assert counted[0] == counted[1] == counted[2]
