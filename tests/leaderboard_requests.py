"""Boards with requests for the page's tests: a queue whose every state is taken, and submissions on microworld."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from intake.queues import START, Clock, claim, submitted, watch, worker
from sent import PYTHON, TOML

from leaderboard.requests_reader import RequestsReader
from leaderboard.snapshot import Snapshot
from suite.intake.archive import pack
from suite.intake.queue import Queue
from suite.intake.requests import Request, Stage
from suite.intake.submission import CODE, MANIFEST
from suite.stores import LocalStore

REASON = "The sandbox ended it: <b>too much memory</b>."


class Board:
    """A local store of requests, and a clock that is set by hand."""

    def __init__(self, folder: Path):
        self.store = LocalStore(folder)
        self.clock = Clock()
        self.queue = Queue(self.store, clock=self.clock)

    def submit(self, name: str, author: str, **facts: object) -> Request:
        """A request, a quarter of an hour after whatever came before."""
        self.clock.tick(minutes=15)
        return submitted(self.queue, name, author, **facts)

    def claim(self, name: str = "box") -> Request:
        """What the worker of that name takes now."""
        taken = claim(self.queue, name, watch(self.clock))
        assert taken is not None
        return taken

    def snapshot(self, **facts: object) -> Snapshot:
        """The page's snapshot of it, as of the board's own time."""
        found = RequestsReader(self.store.url).look()
        seen = {**vars(found), "as_of": START + self.clock.passed} | facts
        seen.pop("view", None)
        return Snapshot(self.store.url, requests=type(found)(**seen))


def every_state(folder: Path) -> Board:
    """One published, one failed, one withdrawn, one running, two waiting and one that needs a maintainer's word."""
    board = Board(folder)
    board.submit("even-openings", "ada")
    done = board.claim()
    board.clock.tick(hours=2)
    board.queue.publish(done, b"all is well\n", [Stage(at=board.clock(), name="microworld: 6 of 6 cells")])
    board.submit("hungry-method", "bob")
    log = "".join(f"line {number} \x1b[31m<i>\n" for number in range(1, 101))
    board.queue.fail(board.claim(), REASON, "submission", log.encode())
    gone = board.submit("changed-my-mind", "carl")
    board.queue.withdraw(gone.id, "carl", "found a mistake")
    board.submit("spread-wide", "dora")
    running = board.claim()
    board.clock.tick(minutes=10)
    alive = worker("box").model_copy(update={"request": running.id, "seen_at": board.clock()})
    board.queue.beat(running, [Stage(at=board.clock(), name="microworld: 3 of 6 cells")], also=alive)
    for name, facts in (("far-apart", {}), ("large-wish", {"needs_approval": True}), ("token-novelty", {})):
        board.submit(name, name, **facts)
    board.queue.show(worker("old").model_copy(update={"seen_at": START - timedelta(days=2)}))
    board.queue.show(worker("drained").model_copy(update={"stopped": True}))
    return board


def files(name: str = "my-method", code: str = PYTHON) -> dict[str, bytes]:
    """A code submission for microworld that breaks no rule."""
    toml = TOML.replace('tiny = [8, "25%"]', "microworld = [500]").replace("my-method", name)
    return {MANIFEST: toml.encode(), CODE: code.replace("my-method", name).encode()}


def archive(name: str = "my-method", code: str = PYTHON) -> bytes:
    """The same, packed."""
    return pack(files(name, code))
