"""Units are handed out once, and those that another runner holds are offered again when it lets go."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from suite.runner.schedule import Schedule, Unit


def unit(key: str) -> Unit:
    base: Any = None
    return Unit(key=key, cells=(), picked=None, base=base, training_seed=1)


def test_two_lanes_share_the_units_without_doing_one_twice(tmp_path: Path) -> None:
    schedule = Schedule([unit(f"{number:02d}") for number in range(40)])
    done: list[str] = []

    def work() -> None:
        for taken in schedule.take(tmp_path):
            time.sleep(0.001)
            done.append(taken.key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [f"{number:02d}" for number in range(40)]


def test_a_unit_locked_by_another_runner_waits_without_holding_up_the_others(tmp_path: Path) -> None:
    other = FileLock(tmp_path / "held.lock", is_singleton=False, thread_local=False)
    other.acquire()
    schedule = Schedule([unit("held"), unit("free")])
    taken = schedule.take(tmp_path)
    assert next(taken).key == "free"
    threading.Timer(0.6, other.release).start()
    assert next(taken).key == "held"
    assert next(taken, None) is None


def test_nothing_is_handed_out_after_stop(tmp_path: Path) -> None:
    schedule = Schedule([unit("a"), unit("b")])
    taken = schedule.take(tmp_path)
    assert next(taken).key == "a"
    schedule.stop()
    assert next(taken, None) is None


def test_a_unit_that_was_put_back_goes_to_a_lane_that_would_have_ended(tmp_path: Path) -> None:
    schedule = Schedule([unit("only")])
    holds, taken_again = threading.Event(), []

    def lose() -> None:
        for taken in schedule.take(tmp_path, ready=lambda: not holds.is_set()):
            holds.set()
            time.sleep(0.6)
            schedule.put_back(taken)

    def wait() -> None:
        holds.wait()
        # Nothing is left to take, but one unit is in another's hands and may come back.
        taken_again.extend(taken.key for taken in schedule.take(tmp_path))

    threads = [threading.Thread(target=work) for work in (lose, wait)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert taken_again == ["only"]


def test_a_lane_without_a_place_takes_nothing_and_ends_with_the_others(tmp_path: Path) -> None:
    schedule = Schedule([unit("a"), unit("b")])
    homeless = threading.Thread(target=lambda: [failed.append(one) for one in schedule.take(tmp_path, lambda: False)])
    failed: list[Unit] = []
    homeless.start()
    time.sleep(0.1)
    assert [taken.key for taken in schedule.take(tmp_path)] == ["a", "b"]
    homeless.join(timeout=30)
    assert not homeless.is_alive()
    assert failed == []
