"""Long-lived child processes: importing trl and peft costs seconds and is paid once a run, not once a cell.

A worker is a spawned process that serves calls over a pipe. It prints into a log file, ends when its parent
does, leaves Ctrl-C to its parent, and is replaced by the caller after it dies. This module imports neither numpy
nor torch, so that a child can set its thread count before they load.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from suite.errors import BreadthError, StorageError

Handler = Callable[[Any, Callable[[int, int], None]], Any]
IDLE_EXIT_SECONDS = 0.5
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerFailed(BreadthError):  # noqa: N818 - an outcome of a call, named as one
    """A call raised in the worker; the worker itself goes on."""


class WorkerDied(BreadthError):  # noqa: N818 - an outcome of a call, named as one
    """The worker process ended during a call (out of memory, a signal)."""


class Worker:
    """One child process. `factory` is `module:function`; called in the child, it returns the handler of calls."""

    def __init__(self, factory: str, *, threads: int, log: Path, environment: dict[str, str] | None = None):
        self.factory = factory
        self.threads = threads
        self.log = log
        self.environment = environment or {}
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        # A stop that comes while a lane starts its child waits until there is a whole child to stop.
        self._guard = threading.RLock()

    def start(self) -> None:
        """Start the child if it does not run; it imports what it needs while the parent goes on."""
        with self._guard:
            if self._process is None or not self._process.is_alive():
                self.stop()
                self._spawn()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = context.Process(
            target=_serve,
            args=(theirs, self.factory, self.threads, str(self.log), os.getpid(), self.environment),
            daemon=True,
        )
        self._process.start()
        theirs.close()

    def call(self, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        """Run one call in the child and return its answer.

        Raises WorkerFailed with the child's reason, StorageError when it could not write, or WorkerDied when the
        process is gone.
        """
        self.start()
        assert self._connection is not None
        try:
            self._connection.send(payload)
            while True:
                kind, answer = self._connection.recv()
                if kind == "progress":
                    on_progress(*answer)
                elif kind == "done":
                    return answer
                elif kind == "storage":
                    raise StorageError(answer)
                else:
                    raise WorkerFailed(f"{answer} (log: {self.log})")
        except (EOFError, OSError) as error:
            code = self._exit_code()
            self.stop()
            reason = "it was killed, perhaps for memory" if code in (-9, 137) else f"exit code {code}"
            raise WorkerDied(
                f"The {self.factory.partition(':')[2]} process ended: {reason} (log: {self.log})."
            ) from error

    def stop(self) -> None:
        """End the child: an idle one leaves by itself, a busy one is killed.

        What it was writing is absent, what it had written is whole.
        """
        with self._guard:
            if self._connection is not None:
                self._connection.close()
            if self._process is not None:
                self._process.join(timeout=IDLE_EXIT_SECONDS)
                self._process.kill()
                self._process.join()
            self._connection = self._process = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def _exit_code(self) -> int | None:
        if self._process is None:
            return None
        self._process.join(timeout=5)
        return self._process.exitcode


def _serve(
    connection: Connection, factory: str, threads: int, log: str, parent: int, environment: dict[str, str]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    os.environ.update({name: str(threads) for name in THREAD_VARIABLES} | environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    _spare_tqdm_its_semaphore()
    module, _, function = factory.partition(":")
    handler: Handler | None = None
    while True:
        try:
            if handler is None:
                handler = getattr(importlib.import_module(module), function)()
            payload = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_answer(handler, payload, connection))


def _answer(handler: Handler, payload: Any, connection: Connection) -> tuple[str, Any]:
    reported = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported > 0.2:
            reported = now
            connection.send(("progress", (done, total)))

    try:
        return "done", handler(payload, progress)
    except StorageError as error:
        return "storage", str(error)
    except BreadthError as error:
        traceback.print_exc()
        return "failed", str(error)
    except Exception as error:  # one failed cell is data, not the end of the run
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def _spare_tqdm_its_semaphore() -> None:
    # tqdm makes a semaphore between processes; a killed worker cannot free it, and Python would complain at exit.
    from tqdm.std import TqdmDefaultWriteLock

    TqdmDefaultWriteLock.mp_lock = None


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
