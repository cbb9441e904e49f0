"""The seam between the queue and whatever evaluates a submission, and what both sides tell each other meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from suite.errors import BreadthError
from suite.intake.requests import Fault, Request, Stage
from suite.intake.run_log import RunLog
from suite.intake.watch import Clock, utc_now

LONGEST_STAGE = 200


class EvaluationFailed(BreadthError):  # noqa: N818 - a verdict on the request, no trouble of the worker's
    """The submission cannot be evaluated, and trying again would not help."""

    def __init__(self, reason: str, fault: Fault):
        super().__init__(reason)
        self.fault: Fault = fault


class Stopped(BreadthError):  # noqa: N818 - asked for
    """The evaluation was called off: the request was withdrawn or taken away, or the worker drains."""


class Evaluator(Protocol):
    """Evaluates one submission: its results are in the results store, and published, when `evaluate` returns."""

    def evaluate(self, request: Request, folder: Path, control: Control) -> None:
        """Evaluate the checked submission that was unpacked into `folder`; what is in the store already is kept.

        Raises EvaluationFailed for a verdict, Stopped soon after `control` says so; anything else that it raises is
        trouble of the worker's own.
        """


class Control:
    """What an evaluation tells of itself, and how it is called off; safe to use from several threads."""

    def __init__(self, log: RunLog | None = None, *, clock: Clock = utc_now):
        self.log = log or RunLog(clock=clock)
        self._clock = clock
        # A signal may call it off in the middle of any of the methods below, on the same thread.
        self._guard = threading.RLock()
        self._stages: list[Stage] = []
        self._stopped = threading.Event()
        self._reason = ""
        self._callbacks: list[Callable[[], object]] = []

    def stage(self, name: str) -> None:
        """Tell that a stage begins; the next heartbeat carries it."""
        with self._guard:
            self._stages.append(Stage(at=self._clock(), name=name[:LONGEST_STAGE]))
        self.log.say(name)

    def say(self, line: str) -> None:
        """Write a line into the request's log."""
        self.log.say(line)

    def pending(self) -> tuple[Stage, ...]:
        """The stages that no heartbeat has carried yet."""
        with self._guard:
            return tuple(self._stages)

    def carried(self, stages: tuple[Stage, ...]) -> None:
        """These stages, as `pending` gave them, have been written."""
        with self._guard:
            del self._stages[: len(stages)]

    def stop(self, reason: str) -> None:
        """Call the evaluation off; the first reason counts."""
        with self._guard:
            if self._stopped.is_set():
                return
            self._reason = reason
            self._stopped.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    @property
    def stopped(self) -> bool:
        """Whether the evaluation was called off."""
        return self._stopped.is_set()

    @property
    def reason(self) -> str:
        """Why it was called off."""
        return self._reason

    def check(self) -> None:
        """Raise Stopped when the evaluation was called off."""
        if self._stopped.is_set():
            raise Stopped(self._reason)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is called off; returns whether it was."""
        return self._stopped.wait(seconds)

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Call back when it is called off, at once if it was; from whatever thread calls it off."""
        with self._guard:
            self._callbacks.append(callback)
            late = self._stopped.is_set()
        if late:
            callback()
