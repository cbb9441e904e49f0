"""`python -m leaderboard.checking`: checks one archive by the rules of `breadth check`, and queues it when asked to.

It is a process of its own, so that what a stranger sends has bounds on time and memory and takes neither from the
readers of the page. Standard input is an `Order` as one line of JSON, then the archive; standard output is JSON. The
archive is unpacked in memory alone, and nothing in it is imported or run.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any

LONGEST_SECONDS = 120
"""Of processor time; the largest submission that the rules allow (a million lines) takes about a tenth."""
MOST_MEMORY = 2 * 2**30
"""Bytes of data; the same submission takes about a quarter."""


@dataclass(frozen=True)
class Order:
    """What to do with an archive: `author` is whose it is (None: nobody's yet), `send` whether to queue it.

    `names` are taken whatever the store of requests says.
    """

    requests: str
    author: str | None
    send: bool
    names: tuple[str, ...] = ()

    def with_archive(self, archive: bytes) -> bytes:
        """The standard input."""
        return json.dumps(asdict(self)).encode() + b"\n" + archive


def main() -> None:
    """Read the order, carry it out, and say what came of it."""
    limit()
    line, _, archive = sys.stdin.buffer.read().partition(b"\n")
    written = json.loads(line)
    print(json.dumps(carried_out(Order(**written | {"names": tuple(written["names"])}), archive)))


def limit() -> None:
    """Bounds on this process, and room for those who read the page."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_SECONDS, LONGEST_SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def carried_out(order: Order, archive: bytes) -> dict[str, Any]:
    """The check's report, and the request where one stands for the archive now; or `error`, one sentence."""
    from leaderboard.requests_reader import open_requests
    from suite.errors import BreadthError, StoreError
    from suite.intake.admission import submit, surroundings
    from suite.intake.check import check_archive
    from suite.intake.queue import Queue

    said: dict[str, Any] = {}
    try:
        queue = Queue(open_requests(order.requests))
        around = surroundings(queue.listing(), order.author, names=order.names)
        report = check_archive(archive, around)
        said |= {"report": report.as_dict(), "trouble": queue.store.trouble}
        if report.passed and order.send and order.author is not None:
            if queue.store.trouble is not None:
                # Whoever waits at the page is told at once: a write would be tried for minutes.
                raise StoreError(queue.store.trouble)
            request, new = submit(queue, report, author=order.author, origin="the page")
            said |= {"request": request.model_dump(mode="json"), "new": new}
    except BreadthError as error:
        said["error"] = str(error)
    return said


if __name__ == "__main__":
    main()
