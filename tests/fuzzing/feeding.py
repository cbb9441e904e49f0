"""Feeding a reader with spoiled files: what it may raise, how long it may take, how much memory it may use."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from suite.errors import BreadthError

LONGEST_SECONDS = 60
"""A reader that takes longer over one input hangs; a busy machine alone does not make it so."""
MOST_MEMORY = 512 * 2**20
"""Bytes that reading one input may add to what the process held before, and that all may leave in it."""
BATCH = 2_000
"""Inputs of one run of hypothesis, which keeps all that it tried in memory."""
FEWEST = 50
"""Inputs of its last run, of which some may have come up before."""


@dataclass(frozen=True)
class Target:
    """A reader of strangers' bytes. `make` gives an input; `read` reads it and says in a word what it was taken for."""

    name: str
    make: Callable[[random.Random, int], bytes]
    read: Callable[[bytes], str]


class Hangs(BaseException):
    """A reader did not come back; no `except Exception` of its own may swallow that."""


@dataclass
class Fed:
    """What came of it; `inputs` are different ones, those that came up again in `repeated` are not read again."""

    inputs: int = 0
    repeated: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    largest: int = 0
    memory: int = 0
    answers: Counter[str] = field(default_factory=Counter)


def feed(target: Target, inputs: int, first_seed: int = 0) -> Fed:
    """Give the reader at least so many different inputs.

    Raises whatever it raised that is no BreadthError, with the input shrunk, and AssertionError where a reader has
    no more different inputs to be given.
    """
    fed, passed, batch = Fed(), set[bytes](), first_seed

    def one(start: int, changes: int) -> None:
        # hypothesis likes small numbers: the same ones stand for other inputs in every batch.
        content = target.make(random.Random(f"{batch}/{start}"), changes)
        digest = hashlib.blake2b(content).digest()
        if digest in passed:
            fed.repeated += 1
            return
        fed.largest = max(fed.largest, len(content))
        # From here on: an input may take memory to be made.
        reset_peak()
        held = resident()
        began = time.perf_counter()
        try:
            with bounded_time():
                fed.answers[target.read(content)] += 1
        except BreadthError as error:
            fed.answers[type(error).__name__] += 1
        fed.slowest = max(fed.slowest, time.perf_counter() - began)
        fed.inputs += 1
        fed.memory = max(fed.memory, peak() - held)
        assert fed.memory < MOST_MEMORY, f"{target.name} took {fed.memory / 2**20:.0f} MiB"
        passed.add(digest)

    began, first_held = time.perf_counter(), resident()
    while fed.inputs < inputs:
        before = fed.inputs
        unhurried = settings(
            max_examples=min(BATCH, max(FEWEST, inputs - fed.inputs)),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(batch)(unhurried(given(st.integers(0, 2**64 - 1), st.integers(1, 6))(one)))()
        assert fed.inputs > before, f"{target.name}: all inputs came up before"
        batch += 1
    fed.seconds = time.perf_counter() - began
    kept = resident() - first_held
    assert kept < MOST_MEMORY, f"{target.name} kept {kept / 2**20:.0f} MiB of {fed.inputs:,} inputs"
    return fed


@contextmanager
def bounded_time() -> Iterator[None]:
    """Raise Hangs in the block after LONGEST_SECONDS."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"no answer after {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def reset_peak() -> None:
    """Let the kernel measure this process's peak memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def resident() -> int:
    """Bytes of memory that this process holds."""
    return _status("VmRSS")


def peak() -> int:
    """The most bytes it held since `reset_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def note(target: Target, fed: Fed) -> None:
    """Add a line to the file that BREADTH_FUZZ_LOG names, where it names one."""
    if log := os.environ.get("BREADTH_FUZZ_LOG"):
        line = {
            "reader": target.name,
            "inputs": fed.inputs,
            "repeated": fed.repeated,
            "seconds": round(fed.seconds, 1),
            "slowest_ms": round(1000 * fed.slowest, 1),
            "largest_kib": fed.largest // 1024,
            "memory_mib": round(fed.memory / 2**20, 1),
            "answers": dict(fed.answers.most_common()),
        }
        with Path(log).open("a") as file:
            file.write(json.dumps(line) + "\n")
