"""Random interleavings of everything that can happen to a queue, played against the real queue over a real store.

Each worker lives on a machine of its own whose clock may be hours off. At any moment one may claim, work, beat, end,
drain, stumble, be killed (and be started again under its name or another), or be paused for hours and go on as if
nothing had happened; authors submit and withdraw, maintainers requeue. Before any write another party may act, so
that conditional writes really meet each other. What must hold is checked at every write, and at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from intake.queues import CELLS, Clock, cell_result, wanted, watch, worker

from suite.errors import StoreConflict
from suite.intake.lifecycle import ClaimLost, NotPossible, Terms
from suite.intake.queue import Queue, QuotaError
from suite.intake.requests import Request, Stage, read_record
from suite.intake.watch import Watch
from suite.results import Result
from suite.stores import LocalStore, Skipped, Store

TERMS = Terms()
FINAL = ("published", "failed", "withdrawn")
NAMES = ("first", "second", "third", "broken")
"""Submissions; a worker finds that `broken` cannot be evaluated."""
RESULTS = {(name, cell): cell_result(name, cell) for name in NAMES for cell in range(CELLS)}
CONTENTS = {key: result.to_json().encode() for key, result in RESULTS.items()}
PATHS = {result.path for result in RESULTS.values()}


class Place(Protocol):
    """Opens stores: that of the requests for each party anew, and that of the results."""

    folder: Path

    def requests(self) -> Store:
        """The requests store, as another process opens it."""

    def results(self) -> Store:
        """The results store."""


class Folder:
    """Both in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def requests(self) -> Store:
        """The folder as a store."""
        return LocalStore(self.folder)

    results = requests


class Observed:
    """A store whose writes are looked at, and before each of which somebody else may act."""

    def __init__(self, store: Store, world: World):
        self._store, self._world = store, world

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write(
        self, files: Mapping[str, bytes], *, expected: Mapping[str, str | None] | None = None, message: str = ""
    ) -> None:
        """Write, and judge what was written."""
        self._world.interrupt()
        self._store.write(files, expected=expected, message=message)
        for path, content in files.items():
            if path.startswith("requests/") and path.endswith(".json"):
                self._world.written(path, content)


class Actor:
    """One worker's process on a machine with a clock of its own."""

    def __init__(self, world: World, name: str):
        self.world, self.name = world, name
        self.clock = Clock(timedelta(minutes=world.rng.choice((0, 0, -200, -30, -5, 5, 30, 200))))
        self.clock.passed = world.clock.passed
        self.queue = Queue(world.observed(), terms=TERMS, clock=self.clock)
        self.watch: Watch = watch(self.clock)
        self.request: Request | None = None
        self.cells: list[int] = []
        self.beat_at = timedelta(0)
        self.paused_until = timedelta(0)
        self.slept = False
        """Whether it was paused since it took its claim: then it may have lost it."""
        self.busy = False

    @property
    def awake(self) -> bool:
        """Whether it is not paused; one that wakes goes on as if nothing had happened."""
        return self.world.clock.passed >= self.paused_until

    def step(self) -> None:
        """Claim, or do the next thing with what is in hand."""
        self.busy = True
        try:
            self._step()
        finally:
            self.busy = False

    def _step(self) -> None:
        rng = self.world.rng
        try:
            if self.request is None:
                self._claim()
            elif rng.random() < 0.06:
                self.queue.release(self.request, "drains")
                self.request = None
            elif rng.random() < 0.04:
                self.queue.stumble(self.request, "the disk is full", b"log")
                self.request = None
            elif self.cells:
                cell = self.cells.pop()
                self.world.results.put(RESULTS[self.request.wanted.name, cell])
            elif self.request.wanted.name == "broken":
                self.queue.fail(self.request, "broken", "submission", b"log")
                self.request = None
            else:
                self.queue.publish(self.request, b"log")
                self.request = None
        except ClaimLost:
            self.world.lost(self)
            self.request = None

    def _claim(self) -> None:
        self.request = self.queue.claim_next(worker(self.name), watch=self.watch)
        self.beat_at, self.slept = self.world.clock.passed, False
        if self.request is not None:
            name = self.request.wanted.name
            # What the store has already is not made again.
            self.cells = [cell for cell in range(CELLS) if not self.world.results.has(name, cell)]
            self.world.rng.shuffle(self.cells)

    def beat_when_due(self) -> None:
        """A heartbeat every 15 minutes: what a worker that is well does by itself."""
        if self.request is None or self.world.clock.passed - self.beat_at < TERMS.heartbeat:
            return
        try:
            self.request = self.queue.beat(self.request, [Stage(at=self.clock(), name="still at work")])
        except ClaimLost:
            self.world.lost(self)
            self.request = None
        self.beat_at = self.world.clock.passed


class Results:
    """The results store, as the workers and the reckoning see it."""

    def __init__(self, store: Store):
        self.store = store

    def put(self, result: Result) -> None:
        """Add a result."""
        self.store.put(result)

    def has(self, name: str, cell: int) -> bool:
        """Whether a cell of a submission is there, as it must be."""
        blob = self.store.read(RESULTS[name, cell].path)
        return blob is not None and blob.content == CONTENTS[name, cell]


class World:
    """One interleaving; `play` goes through it and checks it."""

    def __init__(self, seed: int, place: Place, steps: int = 30):
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.place, self.steps = place, steps
        self.results = Results(place.results())
        self.latest: dict[str, Request] = {}
        self._depth = 0
        self._maintained: set[str] = set()
        """Tokens that a maintainer or an author has taken away."""
        self.people = Queue(self.observed(), terms=TERMS, clock=self.clock)
        self.started = 0
        self.actors = [self._start() for _ in range(3)]
        self.happened: dict[str, int] = {}

    def observed(self) -> Store:
        """The requests store for one party."""
        return Observed(self.place.requests(), self)  # type: ignore[return-value]

    def play(self) -> None:
        """Everything at random, then two honest workers until nothing is left; then the reckoning."""
        for _ in range(self.steps):
            self._happen(self._choose())
        self.steps = 0
        for actor in self.actors:
            actor.paused_until = timedelta(0)
        self.actors = [*self.actors[:1], self._start()]
        for _ in range(400):
            if all(not request.active for request in self.latest.values()):
                break
            self._pass(timedelta(minutes=self.rng.choice((5, 10, 30))))
            for actor in self.actors:
                actor.step()
        self._reckon()

    def interrupt(self) -> None:
        """Let somebody else act just before a write."""
        if self._depth == 0 and self.steps and self.rng.random() < 0.15:
            self._happen(self.rng.choice((self._work, self._withdraw, self._requeue, self._submit)))

    def written(self, path: str, content: bytes) -> None:
        """Judge a record that was just written."""
        after = read_record(Request, path, content)
        assert not isinstance(after, Skipped), after
        before = self.latest.get(after.id)
        self.latest[after.id] = after
        if before is None:
            assert after.state == "queued"
            return
        assert before.active, f"{before.id} left its final state {before.state}: {after.history[-1]}"
        assert after.history[: len(before.history)] == before.history
        if before.claim is not None and (after.claim is None or after.claim.token != before.claim.token):
            self._judge_loss(before, after)
        if after.deaths > before.deaths and before.claim is not None and after.history[-1].by != before.claim.worker:
            holder = self._holder(before.claim.token)
            assert holder is None or holder.slept, f"{holder.name} was well and called dead"

    def lost(self, actor: Actor) -> None:
        """A worker was told that its claim is gone: somebody took it away, or it had been paused for long."""
        assert actor.request is not None
        assert actor.request.claim is not None
        taken_away = actor.request.claim.token in self._maintained
        assert taken_away or actor.slept, f"{actor.name} lost its claim for nothing"

    def _judge_loss(self, before: Request, after: Request) -> None:
        assert before.claim is not None
        if after.state == "withdrawn" or after.history[-1].note == "requeued by a maintainer":
            self._maintained.add(before.claim.token)

    def _holder(self, token: str) -> Actor | None:
        held = (actor for actor in self.actors if actor.request is not None and actor.request.claim is not None)
        return next((actor for actor in held if actor.request.claim.token == token), None)  # type: ignore[union-attr]

    def _choose(self) -> Callable[[], None]:
        kinds = [self._work, self._time, self._submit, self._withdraw, self._requeue, self._kill, self._pause]
        return self.rng.choices(kinds, weights=(60, 14, 10, 1, 2, 5, 4))[0]

    def _happen(self, what: Callable[[], None]) -> None:
        self._depth += 1
        self.happened[what.__name__] = self.happened.get(what.__name__, 0) + 1
        try:
            what()
        except (StoreConflict, NotPossible, QuotaError):
            pass  # an answer that anybody may get
        finally:
            self._depth -= 1

    def _work(self) -> None:
        awake = [actor for actor in self.actors if actor.awake and not actor.busy]
        if awake:
            self.rng.choice(awake).step()

    def _time(self) -> None:
        self._pass(timedelta(minutes=self.rng.choice((1, 4, 14, 40, 80))))

    def _pass(self, span: timedelta) -> None:
        """Time passes in small steps, for hearts beat meanwhile; watchers look, too."""
        until = self.clock.passed + span
        while self.clock.passed < until:
            self.clock.passed = min(until, self.clock.passed + timedelta(minutes=5))
            for actor in self.actors:
                actor.clock.passed = self.clock.passed
                if actor.awake:
                    actor.beat_when_due()

    def _submit(self) -> None:
        number = self.rng.randrange(len(NAMES))
        self.people.submit(f"archive of {NAMES[number]}".encode(), wanted(NAMES[number]), author=f"author{number}")

    def _withdraw(self) -> None:
        if self.latest:
            self.people.withdraw(self.rng.choice(list(self.latest)), "author")

    def _requeue(self) -> None:
        held = [request.id for request in self.latest.values() if request.claim is not None]
        if held:
            self.people.requeue(self.rng.choice(held), "root")

    def _kill(self) -> None:
        """A process dies; another starts in its place, under the same name or another one."""
        number = self.rng.randrange(len(self.actors))
        name = self.actors[number].name if self.rng.random() < 0.5 else None
        self.actors[number] = self._start(name)

    def _pause(self) -> None:
        sleeper = self.rng.choice(self.actors)
        sleeper.slept = True
        sleeper.paused_until = self.clock.passed + timedelta(minutes=self.rng.choice((10, 100, 300)))

    def _start(self, name: str | None = None) -> Actor:
        self.started += 1
        return Actor(self, name or f"w{self.started}")

    def _reckon(self) -> None:
        """Every request in one final state; every published one with each result once; nothing from nowhere."""
        listing = self.people.listing()
        assert not listing.skipped
        assert {request.id for request in listing.requests} == set(self.latest)
        for request in listing.requests:
            assert request == self.latest[request.id]
            assert request.state in FINAL, f"{request.id} ended as {request.state}"
            assert [change.state in FINAL for change in request.history].count(True) == 1
            assert request.deaths <= TERMS.deaths
            if request.state == "failed" and request.fault != "submission":
                assert request.deaths == TERMS.deaths
            name = request.wanted.name
            assert name != "broken" or request.state != "published"
            if request.state == "published":
                assert all(self.results.has(name, cell) for cell in range(CELLS)), name
        # The name of a record holds its content's hash: a doubled or a wrong one would lie at another path.
        records = self.results.store.paths("results/")
        assert set(records) <= PATHS
        assert len(records) == sum(self.results.has(name, cell) for name, cell in RESULTS)
