"""The worker in this process: what it does with good and bad submissions, withdrawals, trouble, and a word to drain."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from intake.queues import claim, submitted, wanted

from suite.errors import HubUnavailable, StorageError, UsageError
from suite.intake.evaluator import Control, EvaluationFailed
from suite.intake.lifecycle import Terms
from suite.intake.overview import overview
from suite.intake.queue import Queue
from suite.intake.requests import Request
from suite.intake.worker import QueueWorker
from suite.stores import LocalStore

QUICK = Terms(
    lease=timedelta(seconds=2),
    heartbeat=timedelta(seconds=0.1),
    allowance=timedelta(seconds=1),
    watched=timedelta(seconds=1),
)
Evaluate = Callable[[Request, Path, Control], None]


class By:
    """An evaluator made of a function."""

    def __init__(self, evaluate: Evaluate):
        self.evaluate = evaluate


def unpacked(archive: bytes, folder: Path, request: Request) -> Sequence[str]:
    """Writes an archive's bytes; one that says so has problems."""
    folder.mkdir()
    (folder / "archive").write_bytes(archive)
    return ["selection.jsonl:3: an id stands twice (7).", "selection.jsonl:9: no id."] if b"bad" in archive else []


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(LocalStore(tmp_path / "board"), terms=QUICK)


@pytest.fixture
def serving(queue: Queue, tmp_path: Path) -> Callable[..., QueueWorker]:
    def make(evaluate: Evaluate, name: str = "w1", **options: object) -> QueueWorker:
        facts = {"poll": 0.05, "trouble": 0.05, "tracks": ["microworld"], **options}
        return QueueWorker(queue, By(evaluate), unpacked, name=name, folder=tmp_path / "workers" / name, **facts)  # type: ignore[arg-type]

    return make


Serving = Callable[..., QueueWorker]


def nothing(request: Request, folder: Path, control: Control) -> None:
    """Evaluates at once."""


def test_it_serves_all_there_is_and_ends(queue: Queue, serving: Serving) -> None:
    seen = []

    def evaluate(request: Request, folder: Path, control: Control) -> None:
        seen.append((folder / "archive").read_bytes())
        control.stage("train")
        control.say("token hf_abcdefghijklmnop, \x1b[31mred\x1b[0m")

    requests = [submitted(queue, f"method-{number}", f"author{number}") for number in range(3)]
    worker = serving(evaluate)
    assert worker.run(once=True) == 3
    assert seen == [f"archive of method-{number}".encode() for number in range(3)]
    for request in requests:
        done = queue.get(request.id)
        assert done.state == "published"
        assert [stage.name for stage in done.stages] == ["check", "train"]
        log = queue.log(done)
        assert "w1 takes" in log
        assert "[secret]" in log
        assert "hf_abc" not in log
        assert "\x1b" not in log
    [state] = overview(queue.listing(), queue.clock()).workers
    assert (state.worker.done, state.worker.stopped, state.alive) == (3, True, False)
    assert not (worker.folder / "submission").exists()


def test_a_submission_that_breaks_rules_fails_with_all_of_them(queue: Queue, serving: Serving) -> None:
    request, _ = queue.submit(b"bad", wanted(), author="ada")
    serving(nothing).run(once=True)
    done = queue.get(request.id)
    assert (done.state, done.fault) == ("failed", "submission")
    assert done.reason == "selection.jsonl:3: an id stands twice (7).\nselection.jsonl:9: no id."
    assert "selection.jsonl:9" in queue.log(done)


def raising(error: BaseException) -> Evaluate:
    def evaluate(request: Request, folder: Path, control: Control) -> None:
        raise error

    return evaluate


@pytest.mark.parametrize(
    ("error", "fault", "attempts"),
    [
        (EvaluationFailed("2 of 3 cells failed", "board"), "board", 1),
        (EvaluationFailed("the ids are not the pool's", "submission"), "submission", 1),
        (StorageError("The disk is full"), "board", 3),
        (HubUnavailable("The Hub is away"), "board", 3),
        (MemoryError("no memory"), "board", 3),
        (ZeroDivisionError("a bug of ours"), "board", 3),
    ],
)
def test_how_an_attempt_fails(queue: Queue, serving: Serving, error: Exception, fault: str, attempts: int) -> None:
    request = submitted(queue)
    serving(raising(error)).run(once=True)
    done = queue.get(request.id)
    assert (done.state, done.fault, done.attempts) == ("failed", fault, attempts)
    assert str(error) in done.reason
    assert str(error) in queue.log(done)
    # After a failure of ours the same submission may come again.
    assert queue.submit(b"archive of my-method", wanted(), author="ada")[1] == (fault == "board")


def test_an_archive_that_was_changed_is_not_run(queue: Queue, serving: Serving) -> None:
    request = submitted(queue)
    queue.store.write({request.archive_path: b"evil"})
    serving(raising(AssertionError("never called"))).run(once=True)
    done = queue.get(request.id)
    assert (done.state, done.fault) == ("failed", "board")
    assert "not the one that was submitted" in done.reason


def until_stopped(started: threading.Event) -> Evaluate:
    """Evaluates until it is called off."""

    def evaluate(request: Request, folder: Path, control: Control) -> None:
        control.stage("train")
        started.set()
        assert control.wait(20), "nobody called it off"
        control.check()

    return evaluate


def run_aside(worker: QueueWorker, started: threading.Event, **options: bool) -> threading.Thread:
    thread = threading.Thread(target=worker.run, kwargs=options)
    thread.start()
    assert started.wait(20)
    return thread


def test_a_withdrawn_request_is_called_off_at_the_next_heartbeat(queue: Queue, serving: Serving) -> None:
    request, started = submitted(queue), threading.Event()
    thread = run_aside(serving(until_stopped(started)), started, once=True)
    queue.withdraw(request.id, "ada")
    thread.join(20)
    assert not thread.is_alive()
    assert queue.get(request.id).state == "withdrawn"


def test_heartbeats_carry_the_stages_and_keep_the_claim(queue: Queue, serving: Serving) -> None:
    request, started = submitted(queue), threading.Event()
    worker = serving(until_stopped(started))
    thread = run_aside(worker, started)
    deadline = time.monotonic() + 20
    while queue.get(request.id).state != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running = queue.get(request.id)
    assert [stage.name for stage in running.stages] == ["check", "train"]
    [state] = overview(queue.listing(), queue.clock()).workers
    assert (state.worker.request, state.alive) == (request.id, True)
    worker.drain()
    thread.join(20)
    back = queue.get(request.id)
    assert (back.state, back.deaths, back.attempts) == ("queued", 0, 1)
    assert back.history[-1].note == "w1 drains"
    taken = claim(queue, "w2")
    assert taken is not None


def test_sigterm_drains(queue: Queue, serving: Serving) -> None:
    request, started = submitted(queue), threading.Event()
    worker = serving(until_stopped(started))

    def terminate() -> None:
        started.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    aside = threading.Thread(target=terminate)
    aside.start()
    with worker.signals():
        assert worker.run() == 0
    aside.join()
    assert signal.getsignal(signal.SIGTERM) == before
    assert queue.get(request.id).state == "queued"
    assert not worker.interrupted


def test_a_store_that_is_away_is_waited_for(queue: Queue, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    request, troubles, told = submitted(queue), [3], []
    write = queue.store.write

    def sometimes(*arguments: object, **options: object) -> None:
        if troubles[0] > 0:
            troubles[0] -= 1
            raise HubUnavailable("The Hub is away.")
        write(*arguments, **options)  # type: ignore[arg-type]

    def evaluate(request: Request, folder: Path, control: Control) -> None:
        troubles[0] = 2
        monkeypatch.setattr(queue.store, "write", sometimes)

    assert serving(evaluate, notify=told.append).run(once=True) == 1
    assert queue.get(request.id).state == "published"
    assert sum("The Hub is away. The state is written once that is mended." in line for line in told) == 2


def test_a_name_serves_once_on_a_machine(queue: Queue, serving: Serving) -> None:
    submitted(queue)
    started = threading.Event()
    first = serving(until_stopped(started))
    thread = run_aside(first, started)
    with pytest.raises(UsageError, match=r"called w1 runs on this machine already. Give another --name"):
        serving(nothing).run(once=True)
    first.drain()
    thread.join(20)


def test_it_serves_only_its_tracks(queue: Queue, serving: Serving) -> None:
    request, _ = queue.submit(b"x", wanted("my-method", "1.0", "small-gpu"), author="ada")
    assert serving(nothing).run(once=True) == 0
    assert queue.get(request.id).state == "queued"
    assert serving(nothing, tracks=["microworld", "small-gpu"]).run(once=True) == 1
