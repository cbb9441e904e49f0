"""Timing in units of calibration kernels: twice the work is twice the ratio, and memory is counted to the kilobyte."""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
import pytest

from suite.regression import timing
from suite.regression.timing import KERNELS, MEMORY_UNIT, Calibration, measure_memory, measure_time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A processor clock that goes only as far as it is told; each calibration kernel takes a millisecond on it."""
    now = [0.0]

    def spend(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(timing.time, "process_time", lambda: now[0])
    for name in KERNELS:
        monkeypatch.setattr(Calibration, name, lambda self: spend(1e-3))
    return spend


@pytest.mark.parametrize("seconds", [1e-5, 1e-3, 0.3, 30.0])
def test_ratios_are_those_of_the_work(clock: Callable[[float], None], seconds: float) -> None:
    found = measure_time(lambda: clock(seconds))
    assert found.ratios == pytest.approx(dict.fromkeys(KERNELS, seconds / 1e-3))
    assert found.seconds == pytest.approx(seconds)
    assert found.noise == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("seconds", "rounds"), [(1e-3, timing.MOST_ROUNDS), (0.1, timing.FEWEST_ROUNDS), (30.0, timing.LEAST_ROUNDS)]
)
def test_a_slow_function_has_fewer_rounds(clock: Callable[[float], None], seconds: float, rounds: int) -> None:
    calls = [0]

    def work() -> None:
        calls[0] += 1
        clock(seconds)

    measure_time(work)
    assert calls[0] == pytest.approx(rounds + 3, abs=1)  # three to see how long it takes


def test_a_busy_moment_spoils_few_rounds(clock: Callable[[float], None]) -> None:
    calls = [0]

    def work() -> None:
        calls[0] += 1
        clock(1e-3 * (20 if calls[0] % 4 == 0 else 1))

    assert measure_time(work).ratios == pytest.approx(dict.fromkeys(KERNELS, 1.0))


def test_a_machine_at_half_its_speed_has_the_same_ratios(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = measure_time(lambda: clock(3e-3))
    for name in KERNELS:
        monkeypatch.setattr(Calibration, name, lambda self: clock(2e-3))
    half = measure_time(lambda: clock(6e-3))
    assert half.ratios == pytest.approx(full.ratios)
    assert half.seconds == pytest.approx(2 * full.seconds)


def test_memory_is_the_peak_beyond_what_was_held() -> None:
    held = np.ones(MEMORY_UNIT // 4, dtype=np.uint8)

    def twice_then_once() -> int:
        two = np.ones(2 * MEMORY_UNIT, dtype=np.uint8)
        total = int(two[0])
        del two
        return total + int(np.ones(MEMORY_UNIT, dtype=np.uint8)[0]) + int(held[0])

    assert measure_memory(twice_then_once) == pytest.approx(2.0, abs=0.001)
    assert measure_memory(lambda: None) == pytest.approx(0.0, abs=0.001)


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    measure_time(lambda: sum(range(100)))
    assert gc.isenabled()
