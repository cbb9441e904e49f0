"""Publishing while other work goes on: what arrives in the spool is committed in batches, in the background."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from suite.errors import BreadthError
from suite.reporting import Notify, Progress, no_progress
from suite.stores.hub.commits import FILES_A_COMMIT
from suite.stores.hub.patience import Patience
from suite.stores.hub.store import HubStore

PUBLISH_EVERY = 120.0
"""Seconds from a record's arrival to its publication at most; the Hub allows about 128 commits an hour."""
LONGEST_PAUSE = 900.0
"""Seconds between two attempts while the Hub is away."""
LAST_PATIENCE = Patience(attempts=4, longest_wait=10.0, longest_asked=30.0)


class Publisher:
    """Publishes a store's spool in the background while its block runs, and what is left when it ends.

    Neither an outage nor a refusal disturbs the block: each is told once, and the records wait in the spool.
    """

    def __init__(
        self,
        store: HubStore,
        notify: Notify,
        *,
        progress: Progress = no_progress,
        batch: int = FILES_A_COMMIT,
        every: float = PUBLISH_EVERY,
        patience: Patience | None = None,
        last: Patience = LAST_PATIENCE,
    ):
        self.store = store
        self.published = 0
        self.trouble: str | None = None
        """Why the latest attempt failed; None when it did not."""
        self._notify, self._progress = notify, progress
        self._batch, self._every, self._last = batch, every, last
        self._stopping = threading.Event()
        patient = patience or Patience()
        self._patience = Patience(
            patient.attempts, patient.first_wait, patient.longest_wait, patient.longest_asked, self._stopping.wait
        )
        self._woken = threading.Condition()
        self._fresh = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def __enter__(self) -> Publisher:
        self._fresh = self.store.waiting()
        self.store.arrived = self._arrived
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.arrived = lambda: None
        self._stopping.set()
        with self._woken:
            self._woken.notify()
        # A request on its way is not broken off: it ends by itself, in time.
        self._thread.join()
        if self.store.waiting():
            self._publish(self._last)

    def _arrived(self) -> None:
        with self._woken:
            self._fresh += 1
            self._woken.notify()

    def _run(self) -> None:
        while self._wait_for_work():
            self._publish(self._patience)

    def _wait_for_work(self) -> bool:
        """Return True when a batch is full, or time is up for what has arrived; False when the block ends."""
        begun = None if not self._fresh else time.monotonic()
        with self._woken:
            while not self._stopping.is_set():
                if self._fresh and begun is None:
                    begun = time.monotonic()
                pause = min(LONGEST_PAUSE, self._every * 2**self._failures)
                left = None if begun is None else begun + pause - time.monotonic()
                full = self._fresh >= self._batch and not self._failures
                if full or (left is not None and left <= 0):
                    self._fresh = 0
                    return True
                self._woken.wait(left)
        return False

    def _publish(self, patience: Patience) -> None:
        before = self.published

        def progress(done: int, total: int) -> None:
            # Batches count one by one: the ones before a failure are published all the same.
            self.published = before + done
            self._progress(done, total)

        try:
            self.store.publish(patience=patience, progress=progress)
        except BreadthError as error:
            self._failed(str(error), patience)
        else:
            self.trouble, self._failures = None, 0

    def _failed(self, sentence: str, patience: Patience) -> None:
        self._failures += 1
        with self._woken:
            self._fresh = max(self._fresh, 1)
        if patience is self._patience and self._stopping.is_set():
            return  # called off, because the last attempt comes at once
        if sentence != self.trouble:
            self._notify(f"Not published yet, the results wait on this disk: {sentence}")
        self.trouble = sentence
