"""Asking the Hub again: bounded, with waits that grow and are spread at random, and as long as the Hub itself asks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from suite.errors import BreadthError, HubUnavailable
from suite.stores.hub.troubles import Trouble, diagnose

T = TypeVar("T")
Pause = Callable[[float], object]
"""Waits so many seconds; a true answer means that nobody wants to wait any longer."""


@dataclass(frozen=True)
class Patience:
    """How often a call is tried, and how long is waited in between (seconds)."""

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 300.0
    """Where the Hub asks for a longer wait, the call is given up instead."""
    pause: Pause = time.sleep

    def wait(self, attempt: int, trouble: Trouble) -> float:
        """Seconds to wait after attempt number `attempt` (0, 1, ...) failed.

        Between half and all of a time that doubles: callers that failed together must not come back together.
        """
        first = self.first_wait / 4 if trouble.conflict else self.first_wait
        grown = min(self.longest_wait, first * 2**attempt) * random.uniform(0.5, 1.0)
        return max(grown, trouble.asked_wait or 0.0)


ONE_TRY = Patience(attempts=1)
AT_ONCE = Patience(attempts=2, first_wait=0.2, longest_asked=2.0)
"""For somebody who looks at a page and waits."""
READING = Patience(attempts=3, first_wait=0.5, longest_asked=30.0)


def persist(call: Callable[[], T], url: str, patience: Patience) -> T:
    """Call until it succeeds; `call` has to find out by itself what an earlier attempt has done after all.

    Raises HubRefused at once where waiting cannot help, HubUnavailable when patience is at its end.
    """
    for attempt in range(patience.attempts):
        try:
            return call()
        except BreadthError:
            raise
        except Exception as error:
            trouble = diagnose(error, url)
            if trouble is None:
                raise
            wait = patience.wait(attempt, trouble)
            last = attempt + 1 == patience.attempts or (trouble.asked_wait or 0.0) > patience.longest_asked
            if not trouble.passing or last or patience.pause(wait):
                raise trouble.error() from error
    raise HubUnavailable(f"{url} was not asked at all: no attempt is allowed.")
