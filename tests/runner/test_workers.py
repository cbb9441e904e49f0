"""Long-lived worker processes: they answer, fail without dying, die with a reason, and end with their parent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from suite.errors import BreadthError
from suite.runner.workers import Worker, WorkerDied, WorkerFailed


def handler() -> Callable[[Any, Callable[[int, int], None]], Any]:
    """Runs in the child: does what the payload says."""
    calls = 0

    def handle(payload: Any, progress: Callable[[int, int], None]) -> Any:
        nonlocal calls
        calls += 1
        if payload == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if payload == "refuse":
            raise BreadthError("no such base model")
        if payload == "break":
            raise ZeroDivisionError("inside")
        print("said", payload)
        progress(1, 2)
        return calls, os.getpid(), os.environ["OMP_NUM_THREADS"]

    return handle


@pytest.fixture(params=[None, "json"], ids=["fresh", "forked"])
def worker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Worker]:
    worker = Worker("tests.runner.test_workers:handler", threads=1, log=tmp_path / "worker.log", preload=request.param)
    yield worker
    worker.stop()


def test_one_process_answers_many_calls_with_the_threads_it_was_given(worker: Worker) -> None:
    seen: list[tuple[int, int]] = []
    first = worker.call("a", lambda done, total: seen.append((done, total)))
    second = worker.call("b", lambda done, total: None)
    assert (first[0], second[0]) == (1, 2)
    assert first[1] == second[1] != os.getpid()
    assert first[2] == "1"
    assert seen == [(1, 2)]
    assert "said a" in worker.log.read_text()


@pytest.mark.parametrize(
    ("payload", "reason"), [("refuse", "no such base model"), ("break", "ZeroDivisionError: inside")]
)
def test_a_failed_call_gives_its_reason_and_the_process_goes_on(worker: Worker, payload: str, reason: str) -> None:
    with pytest.raises(WorkerFailed, match=reason):
        worker.call(payload, lambda done, total: None)
    assert worker.call("a", lambda done, total: None)[0] == 2


def test_a_killed_process_is_reported_and_replaced(worker: Worker) -> None:
    with pytest.raises(WorkerDied, match="it was killed"):
        worker.call("die", lambda done, total: None)
    assert worker.call("a", lambda done, total: None)[0] == 1


def test_a_factory_that_cannot_be_imported_is_no_endless_wait(tmp_path: Path) -> None:
    worker = Worker("no.such.module:handler", threads=1, log=tmp_path / "worker.log")
    with pytest.raises(WorkerDied, match="exit code 1"):
        worker.call("a", lambda done, total: None)
    assert "No module named" in (tmp_path / "worker.log").read_text()


def test_a_process_that_the_system_refuses_is_named(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as patch:
        for method in ("spawn_posix", "forkserver"):
            patch.setattr(f"multiprocessing.popen_{method}.Popen._launch", refuse)
        with pytest.raises(WorkerDied, match=r"could not be started \(Resource temporarily unavailable\)"):
            worker.call("a", lambda done, total: None)
    assert worker.call("a", lambda done, total: None)[0] == 1


PARENT = """
import time
from pathlib import Path
from suite.runner.workers import Worker
if __name__ == "__main__":
    worker = Worker("tests.runner.test_workers:handler", threads=1, log=Path({log!r}), preload={preload!r})
    {what}
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("preload", "what"),
    [
        (None, 'worker.call("a", lambda done, total: None)'),
        ("json", 'worker.call("a", lambda done, total: None)'),
        ("suite.runner.preloaded", "worker.start(); time.sleep(1)"),
    ],
    ids=["fresh", "forked", "while it loads"],
)
def test_nothing_is_left_of_a_parent_that_is_killed(tmp_path: Path, preload: str | None, what: str) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(log=str(tmp_path / "log"), preload=preload, what=what))
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "there\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert children
    parent.kill()
    parent.wait()
    _, left = psutil.wait_procs(children, timeout=20)
    assert not left
