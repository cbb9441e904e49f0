"""The worker: claims requests, evaluates them one at a time while its heart beats, and writes how they ended.

It may be told to drain (SIGTERM) or be killed at any moment. Drained, it gives its claim back with what is finished
kept. Killed, it takes up its claim again when a worker of the same name starts, or the lease runs out and others do.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from suite.atomic import storage_errors, write_text
from suite.errors import BreadthError, HubRefused, HubUnavailable, StoreConflict, UsageError
from suite.intake.evaluator import Control, EvaluationFailed, Evaluator, Stopped
from suite.intake.lifecycle import ClaimLost
from suite.intake.queue import Queue
from suite.intake.requests import INSTANCE_DIGITS, Fault, Request, WorkerRecord
from suite.intake.watch import Watch
from suite.reporting import Notify, say_nothing

Admit = Callable[[bytes, Path, Request], Sequence[str]]
"""Unpacks an archive into a folder that does not exist yet, checks it, and returns its problems."""
POLL_SECONDS = 30.0
TROUBLE_SECONDS = 60.0
"""Pause after trouble of the board's own, so that another machine may try."""
BEATS_AGAIN = 5
"""A heartbeat that could not be written is tried again after this part of the time between two."""
PROBLEMS_NAMED = 20


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, in the worker's own eyes."""

    outcome: str
    """`published`, `failed`, `stumbled` or `stopped`."""
    reason: str = ""
    fault: Fault = "board"


class Heart:
    """Beats for one claim in a thread of its own while its block runs."""

    def __init__(self, queue: Queue, request: Request, control: Control, record: Callable[[], WorkerRecord]):
        self.request = request
        self._queue, self._control, self._record = queue, control, record
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        usual = self._queue.terms.heartbeat.total_seconds()
        wait = usual
        while not self._ending.wait(wait):
            stages = self._control.pending()
            try:
                self.request = self._queue.beat(self.request, stages, also=self._record())
            except ClaimLost as lost:
                self._control.stop(str(lost))
                return
            except Exception as error:  # a heart that stops for an odd error would cost the claim
                self._control.say(f"No heartbeat could be written: {error}")
                wait = usual / BEATS_AGAIN
            else:
                self._control.carried(stages)
                wait = usual


class QueueWorker:
    """Serves a queue; `run` returns when there is nothing left (`once`), or after `drain`.

    `folder` is its own on this disk: no second worker of its name runs beside it. `intake` takes over what waits
    outside of the queue, such as pull requests, before each look for work. Without a `sandbox` it takes no code.
    """

    def __init__(
        self,
        queue: Queue,
        evaluator: Evaluator,
        admit: Admit,
        *,
        name: str,
        tracks: Sequence[str],
        folder: Path,
        sandbox: bool = True,
        notify: Notify = say_nothing,
        intake: Callable[[], object] = lambda: None,
        poll: float = POLL_SECONDS,
        trouble: float = TROUBLE_SECONDS,
    ):
        self.queue, self.evaluator, self.admit = queue, evaluator, admit
        self.name, self.tracks, self.folder, self.notify = name, tuple(tracks), folder, notify
        self.done = 0
        self.interrupted = False
        """Whether it was Ctrl-C that made it drain."""
        self._intake, self._poll, self._trouble, self._sandbox = intake, poll, trouble, sandbox
        self._draining = threading.Event()
        self._control: Control | None = None
        self._started = self._shown = queue.clock()
        self._instance = ""

    def drain(self) -> None:
        """Take nothing more, and give back what is in hand as soon as the evaluation can stop."""
        self._draining.set()
        if self._control is not None:
            self._control.stop(f"{self.name} drains")

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Drain on SIGTERM and on Ctrl-C while the block runs; a second Ctrl-C interrupts as usual."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            if self._draining.is_set() and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.interrupted = number == signal.SIGINT
            self.drain()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, *, once: bool = False) -> int:
        """Serve the queue; returns how many requests were brought to an end. Raises UsageError for a name in use."""
        with self._alone():
            watch = Watch(self.folder / "watched.json", clock=self.queue.clock)
            self._show()
            while not self._draining.is_set():
                self._look_outside()
                try:
                    request = self.queue.claim_next(self._record(), watch=watch)
                except (HubUnavailable, StoreConflict) as error:
                    if once:
                        raise
                    self.notify(str(error))
                    self._draining.wait(self._trouble)
                    continue
                if request is not None:
                    self._serve(request)
                elif once:
                    break
                else:
                    self._idle()
            self._leave()
        return self.done

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "worker.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
            self._instance = self._own_instance()
        except Timeout:
            raise UsageError(
                f"A worker called {self.name} runs on this machine already. Give another --name."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _own_instance(self) -> str:
        """What tells this worker from one of the same name on another machine: drawn once, kept in its folder."""
        file = self.folder / "instance"
        known = file.read_text(errors="replace").strip() if file.is_file() else ""
        if not re.fullmatch(rf"[0-9a-f]{{{INSTANCE_DIGITS}}}", known):
            known = secrets.token_hex(INSTANCE_DIGITS // 2)
            write_text(file, known)
        return known

    def _serve(self, request: Request) -> None:
        """One attempt from the claim to its end."""
        wanted = request.wanted
        self.notify(f"{request.id}: {wanted.name} {wanted.version} by {request.author}, attempt {request.attempts}")
        control = self._control = Control(clock=self.queue.clock)
        if self._draining.is_set():
            control.stop(f"{self.name} drains")
        control.say(f"{self.name} takes {request.id} ({wanted.name} {wanted.version}), attempt {request.attempts}")
        with Heart(self.queue, request, control, lambda: self._record(request)) as heart:
            ending = self._attempt(request, control)
        self._control = None
        control.say(f"{ending.outcome}: {ending.reason}" if ending.reason else ending.outcome)
        try:
            self._insist(lambda: self._end(heart.request, ending, control))
        except ClaimLost as lost:
            self.notify(str(lost))
        else:
            self.notify(f"{request.id}: {ending.outcome}{f' ({ending.reason})' if ending.reason else ''}")
        if ending.outcome == "stumbled":
            self._draining.wait(self._trouble)

    def _attempt(self, request: Request, control: Control) -> Ending:
        folder = self.folder / "submission"
        try:
            control.stage("check")
            shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed
            problems = self.admit(self.queue.archive(request), folder, request)
            if problems:
                for problem in problems:
                    control.say(problem)
                more = f" And {len(problems) - PROBLEMS_NAMED} more." if len(problems) > PROBLEMS_NAMED else ""
                return Ending("failed", "\n".join(problems[:PROBLEMS_NAMED]) + more, "submission")
            self.evaluator.evaluate(request, folder, control)
            return Ending("published")
        except Stopped:
            return Ending("stopped", control.reason)
        except EvaluationFailed as error:
            return Ending("failed", str(error), error.fault)
        except BreadthError as error:
            return Ending("stumbled", str(error))
        except Exception as error:  # one request must not end the worker
            control.say(traceback.format_exc())
            return Ending("stumbled", f"{type(error).__name__}: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, request: Request, ending: Ending, control: Control) -> None:
        """Write how the attempt ended: log first, state last. Raises ClaimLost when somebody else has decided."""
        log, stages = control.log.content(), control.pending()
        # Counted before it is written, for the worker's record goes with it; taken back where it was not written.
        final = ending.outcome in ("published", "failed")
        self.done += final
        record = self._record()
        try:
            if ending.outcome == "published":
                self.queue.publish(request, log, stages, also=record)
            elif ending.outcome == "failed":
                self.queue.fail(request, ending.reason, ending.fault, log, stages, also=record)
            elif ending.outcome == "stumbled":
                self.queue.stumble(request, ending.reason, log, also=record)
            else:
                self.queue.release(request, ending.reason, also=record)
        except BaseException:
            self.done -= final
            raise

    def _insist(self, write: Callable[[], None]) -> None:
        """Write, again and again while the store is away; results are safe by now, and only the word is missing."""
        while True:
            try:
                return write()
            except (HubUnavailable, HubRefused, StoreConflict) as error:
                self.notify(f"{error} The state is written once that is mended.")
                if self._draining.wait(self._trouble):
                    # A worker of this name finds its claim when it starts, and all results with it.
                    return None

    def _look_outside(self) -> None:
        try:
            self._intake()
        except BreadthError as error:
            # What strangers send, or cannot be read just now, must not keep what waits from being served.
            self.notify(str(error))

    def _idle(self) -> None:
        if self.queue.clock() - self._shown >= self.queue.terms.idle:
            self._show()
        self._draining.wait(self._poll)

    def _show(self) -> None:
        try:
            self.queue.show(self._record())
        except (HubUnavailable, StoreConflict) as error:
            self.notify(str(error))

    def _leave(self) -> None:
        try:
            self.queue.show(self._record().model_copy(update={"stopped": True}))
        except (HubUnavailable, StoreConflict) as error:
            self.notify(str(error))

    def _record(self, request: Request | None = None) -> WorkerRecord:
        terms, self._shown = self.queue.terms, self.queue.clock()
        return WorkerRecord(
            name=self.name,
            instance=self._instance,
            tracks=self.tracks,
            started_at=self._started,
            seen_at=self._shown,
            silent_seconds=(terms.heartbeat if request else terms.idle).total_seconds() + 2 * self._poll,
            request=request.id if request else None,
            done=self.done,
            sandbox=self._sandbox,
        )
