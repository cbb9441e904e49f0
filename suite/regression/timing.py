"""How long a function takes in units of calibration kernels that are timed in turns with it, and what memory it takes.

Seconds say as much about a machine, and about whatever else it is doing, as about what ran on it. So each round times
the function between two runs of three kernels of different character (arithmetic, memory, interpreter), in processor
time, and what is kept is the median over rounds of the function's seconds over each kernel's. A busy neighbour slows
both sides of such a ratio, a faster machine speeds both up. Three characters, because machines, and moments of a busy
one, differ in which they favour: the median of the three is what counts. How arrays happen to lie in memory is the same
throughout a session, so a session brings kernels of its own, and a baseline is the median of SESSIONS.

Memory is what Python and numpy hand out (`tracemalloc`), in units of what a calibrating array takes: exact to a few
kilobytes, whatever else the machine does. What compiled code allocates by itself is not seen.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

FEWEST_ROUNDS, MOST_ROUNDS = 12, 40
SESSION_SECONDS = 0.5
"""Of processor time, after which no round beyond the fewest begins."""
LONGEST_SECONDS, LEAST_ROUNDS = 20.0, 3
"""Of processor time, after which a slow function gets by with the least rounds."""
CALL_SECONDS = 0.001
"""What a round takes at least: a shorter function is called several times. No longer, because what the system does in
between (another process, cold caches) then spoils few rounds wholly instead of every round a little."""
SESSIONS = 5
"""Of which the median is recorded, or told to be slower or faster."""
MEMORY_UNIT = 16 * 1024 * 1024
ROBUST_SIGMA = 1.4826
"""The standard deviation of normal noise in units of its median absolute deviation."""

MEMORY = "memory"
KERNELS = ("arithmetic", MEMORY, "interpreter")
"""Methods of `Calibration`."""


@dataclass(frozen=True)
class Timing:
    """The median ratio of a function to each calibration kernel, and the noise of a round as a share of it.

    `seconds` is the median processor time of one call: for readers alone, no verdict rests on it.
    """

    ratios: dict[str, float]
    noise: float
    seconds: float


class Calibration:
    """The calibration kernels; each takes one to two milliseconds on a processor of 2023."""

    @cached_property
    def _square(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(320, 320))

    @cached_property
    def _large(self) -> tuple[np.ndarray, np.ndarray]:
        # Larger than the caches of a core: what strategies read of a pool lies in memory too.
        rng = np.random.default_rng(0)
        return rng.normal(size=1_500_000), rng.integers(1_500_000, size=70_000)

    def arithmetic(self) -> None:
        """A product of matrices that fit the cache."""
        self._square @ self._square

    def memory(self) -> None:
        """Values gathered from all over an array, and a pass over it."""
        values, places = self._large
        values[places].sum()
        np.abs(values[: len(places)] - 1.0).max()

    def interpreter(self) -> None:
        """Python's own work, with calls of numpy that are too small to be anything else."""
        counts: dict[int, int] = {}
        small = np.arange(8.0)
        for number in range(6_000):
            counts[number * 7919 % 1013] = counts.get(number % 101, 0) + 1
            if number % 12 == 0:
                small = small + 1.0
        sorted(counts, key=lambda key: (counts[key], key))

    def seconds(self) -> dict[str, float]:
        """Processor seconds of one run of each kernel."""
        return {name: _timed(getattr(self, name)) for name in KERNELS}


def measure_time(function: Callable[[], object]) -> Timing:
    """One session of timing `function`, which has run before (what it compiles on its first call is not timed)."""
    calibration = Calibration()
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()  # a collection would fall on whoever happens to run
    try:
        calls = _calls(function)
        calibration.seconds()
        before = calibration.seconds()
        logs: dict[str, list[float]] = {name: [] for name in KERNELS}
        seconds: list[float] = []
        started = time.process_time()
        while _another(len(seconds), time.process_time() - started):
            taken = _timed(function, calls) / calls
            after = calibration.seconds()
            seconds.append(taken)
            for name in KERNELS:
                logs[name].append(math.log(taken / math.sqrt(before[name] * after[name])))
            before = after
    finally:
        if enabled:
            gc.enable()
    medians = {name: statistics.median(values) for name, values in logs.items()}
    spreads = [statistics.median(abs(value - medians[name]) for value in logs[name]) for name in KERNELS]
    return Timing(
        ratios={name: math.exp(median) for name, median in medians.items()},
        noise=ROBUST_SIGMA * min(spreads),
        seconds=statistics.median(seconds),
    )


def _another(rounds: int, spent: float) -> bool:
    """Whether a session goes on after so many rounds and processor seconds."""
    if rounds < FEWEST_ROUNDS:
        return rounds < LEAST_ROUNDS or spent < LONGEST_SECONDS
    return rounds < MOST_ROUNDS and spent < SESSION_SECONDS


def measure_memory(function: Callable[[], object]) -> float:
    """The most memory that `function` held at once beyond what was held before, in calibrating arrays."""
    return _peak(function) / _peak(lambda: np.ones(MEMORY_UNIT, dtype=np.uint8))


def _peak(function: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _calls(function: Callable[[], object]) -> int:
    once = min(_timed(function) for _ in range(3))
    return max(1, math.ceil(CALL_SECONDS / max(once, 1e-7)))


def _timed(function: Callable[[], object], calls: int = 1) -> float:
    started = time.process_time()
    for _ in range(calls):
        function()
    return time.process_time() - started
