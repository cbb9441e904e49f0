"""The units of work of a run, handed to lanes and shared with other runners through file locks.

A unit is one fine-tune with its evaluation, and the cells that want it. A unit that another process works on is
put aside and looked at again; by then its outputs are usually there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from suite.atomic import storage_errors

if TYPE_CHECKING:
    from suite.base_models.resolve import ResolvedBase
    from suite.runner.cells import Cell
    from suite.runner.selecting import Picked

LOOK_AGAIN_SECONDS = 0.5


class Keyed(Protocol):
    """Something to work on that only one runner may have in hand at a time."""

    @property
    def key(self) -> str:
        """Names its lock."""


Scheduled = TypeVar("Scheduled", bound=Keyed)


@dataclass(frozen=True)
class Unit:
    """One fine-tune (none for the untuned base) with its evaluation; several cells may share it."""

    key: str
    cells: tuple[Cell, ...]
    picked: Picked | None
    base: ResolvedBase
    training_seed: int

    def __str__(self) -> str:
        more = f" (+{len(self.cells) - 1} cells of equal picks)" if len(self.cells) > 1 else ""
        return f"{self.cells[0]}{more}"


class Schedule(Generic[Scheduled]):
    """A queue of units for several lanes; iterate over `take()` in each lane's thread."""

    def __init__(self, units: Sequence[Scheduled]):
        self._waiting = deque(units)
        self._elsewhere: deque[tuple[float, Scheduled]] = deque()
        self._in_hand = 0
        self._guard = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def put_back(self, unit: Scheduled) -> None:
        """Offer a unit again, to whichever lane is free first: the one that had it could not finish it."""
        with self._guard:
            self._waiting.appendleft(unit)

    def take(self, lock_path: Path, ready: Callable[[], bool] = lambda: True) -> Iterator[Scheduled]:
        """Yield units one after the other, each under its lock, until none is left and none can come back.

        `lock_path` is the folder of locks. Units locked by another runner are offered again later. While `ready`
        says no, nothing is handed out here: a lane without a place must not sit on work that others could do.
        """
        while not self.stopped:
            unit = self._next() if ready() else None
            if unit is None:
                if not self._any_left():
                    return
                self._stopped.wait(LOOK_AGAIN_SECONDS / 2)
                continue
            try:
                with _lock(lock_path / f"{unit.key}.lock") as owned:
                    if owned:
                        yield unit
                    else:
                        with self._guard:
                            self._elsewhere.append((time.monotonic() + LOOK_AGAIN_SECONDS, unit))
            finally:
                with self._guard:
                    self._in_hand -= 1

    def _next(self) -> Scheduled | None:
        with self._guard:
            unit = None
            if self._waiting:
                unit = self._waiting.popleft()
            elif self._elsewhere and self._elsewhere[0][0] <= time.monotonic():
                unit = self._elsewhere.popleft()[1]
            self._in_hand += unit is not None
            return unit

    def _any_left(self) -> bool:
        with self._guard:
            return bool(self._elsewhere) or bool(self._waiting) or self._in_hand > 0


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, thread_local=False, is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
    try:
        yield True
    finally:
        lock.release()
