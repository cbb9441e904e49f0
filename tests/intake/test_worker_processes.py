"""Workers as processes, one of them killed every few seconds: every request is published once, with every result."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from intake.queues import wanted
from intake.working_process import CELLS, cell_result

from suite.intake.queue import Queue
from suite.intake.requests import Request
from suite.stores import LocalStore

WORKERS = 4
SCRIPT = Path(__file__).with_name("working_process.py")


class Crew:
    """Four worker processes; one that is killed is replaced, half of the time under its own name."""

    def __init__(self, board: Path, seed: int):
        self.board, self.rng = board, random.Random(seed)
        self.started = self.kills = 0
        self.drained: set[str] = set()
        self.running = {name: self._start(name) for name in (self._new() for _ in range(WORKERS))}

    def kill_one(self, at_work: set[str]) -> bool:
        """Kill a worker in the middle of its work and start another in its place; False when none is at work."""
        busy = sorted(at_work & self.running.keys())
        if not busy:
            return False
        name = self.rng.choice(busy)
        process = self.running.pop(name)
        process.kill()
        process.wait()
        self.kills += 1
        successor = name if self.rng.random() < 0.5 else self._new()
        self.running[successor] = self._start(successor)
        return True

    def drain(self) -> None:
        """Ask all to end in good order; one that was just being started may end before it could begin."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(timeout=60) for name, process in self.running.items()}
        assert set(codes.values()) <= {0, -signal.SIGTERM}, codes
        self.drained = {name for name, code in codes.items() if code == 0}
        assert self.drained, codes

    def end(self) -> None:
        """Leave none behind, whatever happened."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def _new(self) -> str:
        self.started += 1
        return f"w{self.started}"

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        log = self.board.parent / f"{name}.out"
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, str(SCRIPT), str(self.board), name],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=SCRIPT.parents[2],
                env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
            )


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    made = Crew(tmp_path / "board", seed=7)
    yield made
    made.end()


def serve_all(
    crew: Crew, count: int, *, pause: float, patience: float, most_kills: int = 10_000
) -> tuple[list[Request], float]:
    """Submit, kill a worker at its work every `pause` seconds until all requests have ended, then drain."""
    queue = Queue(LocalStore(crew.board))
    for number in range(count):
        queue.submit(f"method {number}".encode(), wanted(f"method-{number}"), author=f"author{number}")
    begun = time.monotonic()
    next_kill = begun
    while True:
        listing = queue.listing()
        if not any(request.active for request in listing.requests):
            break
        assert time.monotonic() - begun < patience, [request.state for request in listing.requests]
        at_work = {request.claim.worker for request in listing.requests if request.claim}
        if crew.kills < most_kills and time.monotonic() >= next_kill and crew.kill_one(at_work):
            next_kill = time.monotonic() + pause
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    crew.drain()
    listing = queue.listing()
    assert not listing.skipped
    assert len(listing.requests) == count
    return listing.requests, seconds


def assert_published_once(requests: list[Request], board: Path, drained: set[str]) -> None:
    """Each request has one final state and every result once, with the content it must have."""
    store = LocalStore(board)
    expected = set()
    for request in requests:
        assert [change.state for change in request.history].count("published") == 1
        assert request.state == "published", request.reason
        assert Queue(store).log(request).rstrip().endswith("published")
        content = f"method {request.wanted.name.removeprefix('method-')}".encode()
        for cell in range(CELLS):
            result = cell_result(content, request.wanted.name, cell)
            blob = store.read(result.path)
            assert blob is not None
            assert blob.content == result.to_json().encode()
            expected.add(result.path)
    assert set(store.paths("results/")) == expected
    stopped = {worker.name for worker in Queue(store).listing().workers if worker.stopped}
    assert stopped >= drained


def test_8_requests_4_workers_and_a_killer(crew: Crew) -> None:
    requests, _ = serve_all(crew, 8, pause=1.5, patience=300, most_kills=6)
    assert_published_once(requests, crew.board, crew.drained)
    assert crew.kills >= 2
    assert any(request.deaths for request in requests)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_40_requests_4_workers_and_a_killer(crew: Crew) -> None:
    requests, seconds = serve_all(crew, 40, pause=3, patience=1500)
    assert_published_once(requests, crew.board, crew.drained)
    deaths = sum(request.deaths for request in requests)
    attempts = sum(request.attempts for request in requests)
    assert crew.kills >= 10
    assert deaths >= crew.kills // 2
    print(
        f"{len(requests)} requests of {CELLS} cells, {WORKERS} workers, {seconds:.0f} s: {crew.kills} workers killed "
        f"at their work; {attempts} attempts, {deaths} of which died; published once: "
        f"{len(requests)}; results expected and found: {len(requests) * CELLS}; lost: 0; doubled: 0"
    )
