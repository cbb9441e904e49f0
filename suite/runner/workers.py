"""Long-lived child processes: importing trl and peft costs seconds and is paid once a run, not once a cell.

A worker is a child process that serves calls over a pipe. It prints into a log file, ends when its parent does,
leaves Ctrl-C to its parent, and is replaced by the caller after it dies. This module imports neither numpy nor
torch, so that a fresh child can set its thread count before they load.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from suite.errors import BreadthError, StorageError
from suite.memory import give_back_memory, gpu_in_use

Handler = Callable[[Any, Callable[[int, int], None]], Any]
IDLE_EXIT_SECONDS = 0.5
LONGEST_SOCKET_FOLDER = 70
"""A Unix socket's path has 107 characters at most, of which multiprocessing takes up to 35."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerFailed(BreadthError):  # noqa: N818 - an outcome of a call, named as one
    """A call raised in the worker; the worker itself goes on."""


class WorkerDied(BreadthError):  # noqa: N818 - an outcome of a call, named as one
    """The worker process ended during a call (out of memory, a signal)."""


class Worker:
    """One child process. `factory` is `module:function`; called in the child, it returns the handler of calls.

    With `preload`, a module, children are forked from a process that has imported it (see `forked_from`), else each
    is a fresh interpreter.
    """

    def __init__(
        self,
        factory: str,
        *,
        threads: int,
        log: Path,
        environment: dict[str, str] | None = None,
        preload: str | None = None,
    ):
        self.factory = factory
        self.threads = threads
        self.log = log
        self.environment = environment or {}
        self.preload = preload
        self._child: _Child | None = None
        # A stop that comes while a lane starts its child waits until there is a child to stop.
        self._guard = threading.RLock()

    def start(self) -> None:
        """Start the child if it does not run; it imports what it needs while the parent goes on."""
        with self._guard:
            if self._child is None or not self._child.alive():
                self.stop()
                self.log.parent.mkdir(parents=True, exist_ok=True)
                # A process forked from another than this one sees its variables, not ours.
                variables = os.environ | {name: str(self.threads) for name in THREAD_VARIABLES} | self.environment
                context = multiprocessing.get_context("spawn") if self.preload is None else forked_from(self.preload)
                self._child = _Child(context, self.factory, str(self.log), dict(variables))

    def call(self, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        """Run one call in the child and return its answer.

        Raises WorkerFailed with the child's reason, StorageError when it could not write, or WorkerDied when the
        process is gone.
        """
        self.start()
        child = self._child
        try:
            if child is None:
                raise EOFError
            child.connection.send(payload)
            while True:
                kind, answer = child.connection.recv()
                if kind == "progress":
                    on_progress(*answer)
                elif kind == "done":
                    return answer
                elif kind == "storage":
                    raise StorageError(answer)
                else:
                    raise WorkerFailed(f"{answer} (log: {self.log})")
        except (EOFError, OSError) as error:
            reason = child.ending() if child is not None else "it was stopped"
            self.stop()
            raise WorkerDied(
                f"The {self.factory.partition(':')[2]} process ended: {reason} (log: {self.log})."
            ) from error

    def stop(self) -> None:
        """End the child: an idle one leaves by itself, a busy one is killed.

        What it was writing is absent, what it had written is whole.
        """
        with self._guard:
            if self._child is not None:
                self._child.stop()
            self._child = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.process.pid if self._child is not None else None


class _Child:
    """A process and our end of the pipe to it. The process comes to be in a thread: a fork waits for what it loads."""

    def __init__(self, context: Any, factory: str, log: str, variables: dict[str, str]):
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, factory, log, variables), daemon=True)
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._unwanted = False
        self._refused: OSError | None = None
        threading.Thread(target=self._begin, args=(theirs,), daemon=True).start()

    def _begin(self, theirs: Connection) -> None:
        try:
            self.process.start()
        except OSError as error:
            self._refused = error
        finally:
            # Without a process this closes the pipe: a call ends as with one that died.
            theirs.close()
            with self._lock:
                self._begun.set()
                unwanted = self._unwanted
        if unwanted:
            self._end()

    def alive(self) -> bool:
        """Whether it runs, or is about to."""
        return not self._begun.is_set() or self.process.is_alive()

    def ending(self) -> str:
        """How the process ended, in words."""
        if self._refused is not None:
            return f"it could not be started ({self._refused.strerror})"
        if not self._begun.is_set() or self.process.pid is None:
            return "it was stopped"
        self.process.join(timeout=5)
        code = self.process.exitcode
        return "it was killed, perhaps for memory" if code in (-9, 137) else f"exit code {code}"

    def stop(self) -> None:
        """End it. One that does not run yet is ended as soon as it does."""
        self.connection.close()
        with self._lock:
            self._unwanted = not self._begun.is_set()
        if not self._unwanted and self.process.pid is not None:
            self.process.join(timeout=IDLE_EXIT_SECONDS)
            self._end()

    def _end(self) -> None:
        self.process.kill()
        self.process.join()


def cell_worker(kind: Literal["trainer", "evaluator"], lane: int, *, threads: int, logs: Path, devices: str) -> Worker:
    """The process of a lane that fine-tunes or evaluates, on `devices`: the numbers of GPUs, or nothing.

    With a GPU it is a fresh process: CUDA does not outlive a fork, and a library may ask for it on its import. With
    none, the variable keeps a broken driver from being asked.
    """
    return Worker(
        f"suite.runner.work:{kind}",
        threads=threads,
        log=logs / f"{kind}-{lane}.log",
        environment={"CUDA_VISIBLE_DEVICES": devices, "TOKENIZERS_PARALLELISM": "false"},
        preload=None if devices else "suite.runner.preloaded",
    )


def forked_from(module: str) -> Any:
    """Where processes are forked from one that has imported `module`, once; fresh processes where that cannot be.

    That one is started by the first process made of it, and ends with us. It needs Linux and a folder for temporary
    files whose path leaves room for a socket's name.
    """
    if sys.platform != "linux" or len(tempfile.gettempdir()) > LONGEST_SOCKET_FOLDER:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def _serve(connection: Connection, factory: str, log: str, variables: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(variables)
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
        answer = _answer(handler, payload, connection)
        if gpu_in_use():
            # Before the answer: who waits for it may start the other process of this GPU. Trainers hold themselves in
            # cycles, and an error holds what it was raised through, so not before both are gone.
            give_back_memory()
        connection.send(answer)


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


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
