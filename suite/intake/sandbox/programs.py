"""Generated programs against their unit tests: each program in a sandbox of its own, its tests in another.

Nothing that a program does reaches its verdict but the values its function returns (see `calling`): the verdict is
written where the tests run, which the program shares no process, file or memory with. Programs do not meet each other
either. A program is stopped by the processor time it uses, so that a busy machine changes no verdict; the limit by the
wall is for those that sleep.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from suite.errors import EvaluationError
from suite.intake.run_log import scrubbed
from suite.intake.sandbox.calling import ENDED
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import MIB, Limits
from suite.intake.sandbox.supervise import CALLED_OFF, Outcome, run_job
from suite.reporting import Progress, no_progress

PROGRAM_LIMITS = Limits(
    wall_seconds=60.0,
    cpu_seconds=5.0,
    memory=1024 * MIB,
    processes=16,
    open_files=64,
    files=1_000,
    file_bytes=16 * MIB,
    tmp=64 * MIB,
    shared=16 * MIB,
    answer=64 * 2**10,
)
"""Of the program; the interpreter's own start is a hundredth of the processor time."""
ROOM_FOR_TESTS = 30.0
"""Seconds that the tests may take beyond the program, of the processor and by the wall."""
DYING_SECONDS = 5.0
"""How long a program that hung up is left to end by itself: how it died says more than that it is gone."""
LONGEST_REASON = 300
STARTED = b'{"started": true}'


@dataclass(frozen=True)
class Program:
    """A program with the tests that it has to pass.

    `prompt` is the trusted beginning that the program continues: tests may call what it defines. `test` defines
    `check(candidate)`, which raises where the function `entry_point` is wrong.
    """

    source: str
    entry_point: str
    prompt: str
    test: str


@dataclass(frozen=True)
class Judgement:
    """What came of a program; `why` is one line of what went wrong, empty where it passed."""

    verdict: Literal["passed", "failed", "timed out"]
    why: str = ""


def judge(
    programs: Sequence[Program],
    isolation: Isolation,
    *,
    jobs: int,
    limits: Limits = PROGRAM_LIMITS,
    progress: Progress = no_progress,
) -> list[Judgement]:
    """The judgement on each program, in order; `jobs` of them run at a time.

    Raises EvaluationError when this machine, and not a program, is why one could not be judged. Deterministic for
    programs that are: hashes of texts are the same in every run, and so are the tests' random numbers.
    """
    off = threading.Event()
    # bubblewrap dies with the thread that started it, which therefore waits for it.
    with ThreadPoolExecutor(max(jobs, 1)) as testers, ThreadPoolExecutor(max(jobs, 1)) as lanes:
        waiting = [lanes.submit(_judged, program, isolation, limits, testers, off) for program in programs]
        try:
            judgements = []
            for done, future in enumerate(waiting, start=1):
                judgements.append(future.result())
                progress(done, len(programs))
            return judgements
        except BaseException:
            off.set()
            for future in waiting:
                future.cancel()
            raise


def _judged(
    program: Program, isolation: Isolation, limits: Limits, testers: ThreadPoolExecutor, off: threading.Event
) -> Judgement:
    calls_out, calls_in = os.pipe()
    answers_out, answers_in = os.pipe()
    asking = {"do": "ask", "prompt": program.prompt, "test": program.test, "seed": 0, "wire": [answers_out, calls_in]}
    answering = {"do": "answer", "program": program.source, "wire": [calls_out, answers_in]}
    named = {"entry_point": program.entry_point}
    patient = replace(
        limits,
        wall_seconds=limits.wall_seconds + ROOM_FOR_TESTS,
        cpu_seconds=limits.cpu_seconds + ROOM_FOR_TESTS,
    )
    told: Future[Outcome] = testers.submit(
        run_job, isolation, asking | named, {}, patient, off.is_set, (answers_out, calls_in)
    )
    over = _Over(told, off)
    try:
        ran = run_job(isolation, answering | named, {}, limits, over, (calls_out, answers_in))
    finally:
        # Without the program the tests come to an end by themselves.
        asked = told.result()
    return _judgement(ran, asked)


class _Over:
    """Whether a program may be stopped: nobody asks it any more."""

    def __init__(self, told: Future[Outcome], off: threading.Event):
        self.told, self.off = told, off
        self.since = 0.0

    def __call__(self) -> bool:
        """Asked all the time while the program runs."""
        if not self.told.done():
            return self.off.is_set()
        self.since = self.since or time.monotonic()
        hung_up = self.told.exception() is None and _told(self.told.result()).get("why") == ENDED
        return self.off.is_set() or not hung_up or time.monotonic() - self.since > DYING_SECONDS


def _judgement(ran: Outcome, asked: Outcome) -> Judgement:
    """What the outcomes of a program and of its tests say. Only what the tests' side wrote can say that it passed."""
    if not ran.answer.startswith(STARTED):
        raise EvaluationError(
            f"A generated program could not be started in the sandbox: {ran.broken or 'it said nothing'}; it printed: "
            f"{scrubbed(ran.printed)[-LONGEST_REASON:]!r}. Run again; `breadth doctor` looks at the sandbox."
        )
    told = _told(asked)
    if told.get("passed") is True and not asked.broken:
        return Judgement("passed")
    if ran.late or asked.late:
        return Judgement("timed out", _words(ran.broken if ran.late else "its tests: " + asked.broken))
    if "passed" not in told and "of memory together" not in asked.broken:
        raise EvaluationError(
            f"The tests of a generated program ended without a word ({asked.broken or 'no answer'}); they printed: "
            f"{scrubbed(asked.printed)[-LONGEST_REASON:]!r}. Run again."
        )
    # Where the program was ended by a limit, that says more than that it could not be asked any more.
    ended = ran.broken if ran.broken and ran.broken != CALLED_OFF else ""
    return Judgement("failed", _words(ended or str(told.get("why", asked.broken))))


def _told(asked: Outcome) -> dict[str, Any]:
    try:
        found = json.loads(asked.answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(text: str) -> str:
    return scrubbed(text[: 4 * LONGEST_REASON])[:LONGEST_REASON].replace("\n", " ")
