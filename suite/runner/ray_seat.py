"""A lane's seat on a Ray cluster: an actor on some node, with the two processes that train and evaluate its cells.

A seat asks Ray for its GPUs and waits, without a unit in hand, until some node has them. When its node or its actor is
lost, the unit goes back to the queue, and the seat asks for another place. A node that cannot run Breadth ends the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from suite.errors import StorageError
from suite.runner.executors import ExecutorLost, SeatLost
from suite.runner.ray_actor import Node
from suite.runner.workers import WorkerDied, WorkerFailed

POLL_SECONDS = 0.3
LONGEST_REASON = 300
ARRIVALS_FORGIVEN = 3
"""Times in a row that a place may be lost before work begins there: a node went, or something there kills actors."""


class Cluster(Protocol):
    """What a seat asks of its cluster (`suite.runner.ray_cluster`)."""

    lost: bool
    """The head is dead: there is nobody to give a place back to."""

    def check_head(self) -> None:
        """Raise ExecutorLost when the head no longer answers."""

    def waits(self) -> None:
        """Say from time to time that lanes wait for places."""

    def arrived(self) -> None:
        """A lane has its place."""

    def refused(self, node: Node) -> str | None:
        """Why a node cannot serve this run; None when it can."""


class RaySeat:
    """One lane's place on the cluster: asked for, waited for, and asked for again when it is lost."""

    def __init__(self, ask: Callable[[], Any], cluster: Cluster):
        self._ask = ask
        self._cluster = cluster
        self._actor: Any = None
        self._arriving: Any = None
        self._node: Node | None = None
        self._stopped = False
        self._lost_on_the_way = 0
        self.trainer = _Remote(self, "trainer")
        self.evaluator = _Remote(self, "evaluator")

    @property
    def host(self) -> str:
        """The node that last worked here."""
        return self._node.host if self._node else ""

    @property
    def hardware(self) -> str:
        """What that node is."""
        return self._node.hardware if self._node else ""

    @property
    def devices(self) -> tuple[str, ...]:
        """The GPUs of that node that are this seat's own."""
        return self._node.devices if self._node else ()

    def start(self) -> None:
        """Ask Ray for a place, unless there is one or one is asked for."""
        if self._actor is None and not self._stopped:
            self._actor = self._ask()
            self._arriving = self._actor.node.remote()

    def ready(self) -> bool:
        """Whether the place is there.

        Raises ExecutorLost for a node that cannot serve, for places that are lost again and again before any work is
        done there, and when the head is dead.
        """
        import ray

        self.start()
        if self._arriving is None:
            return self._actor is not None
        done, _ = ray.wait([self._arriving], timeout=0)
        if not done:
            self._cluster.check_head()
            self._cluster.waits()
            return False
        try:
            node: Node = ray.get(self._arriving)
        except ray.exceptions.RayError as error:
            # The node went while the actor was on its way there, or cannot run it: in the first case ask for another.
            self._forget()
            self._check_arrival(error)
            return False
        refused = self._cluster.refused(node)
        if refused:
            raise ExecutorLost(refused)
        self._arriving, self._node, self._lost_on_the_way = None, node, 0
        self._cluster.arrived()
        return True

    def call(self, kind: str, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        """Run one call on the node; raises as `suite.runner.executors.Caller` does."""
        import ray

        actor = self._actor
        if actor is None:
            raise SeatLost("The place on the cluster was given back.")
        try:
            answer = actor.call.remote(kind, payload)
            while not ray.wait([answer], timeout=POLL_SECONDS)[0]:
                self._cluster.check_head()
                asked = actor.progress.remote()
                if ray.wait([asked], timeout=POLL_SECONDS)[0]:
                    done, total = ray.get(asked)
                    if total:
                        on_progress(done, total)
            outcome, told = ray.get(answer)
        except ray.exceptions.RayError as error:
            where = self.host
            self._forget()
            raise SeatLost(f"The cell's place on node {where} was lost ({first_line(error)}).") from error
        if outcome == "done":
            return told
        raise {"storage": StorageError, "died": WorkerDied, "failed": WorkerFailed}[outcome](told)

    def stop(self) -> None:
        """Kill the actor; its processes end when it has gone."""
        self._stopped = True
        self._forget()

    def _check_arrival(self, error: Exception) -> None:
        """Raise ExecutorLost where another place would be lost as this one was."""
        import ray

        if self._stopped:
            return
        # A node whose Python cannot import Breadth is given a stand-in for the actor by Ray, which fails as it begins.
        if isinstance(error, ray.exceptions.RayTaskError) or getattr(error, "actor_init_failed", False):
            raise ExecutorLost(
                f"{_blamed(error)} of the Ray cluster cannot run Breadth ({_reason(error)}). Install the same Breadth "
                "there as here, with the same libraries and for the Python that runs its Ray, or take the node away "
                "(`ray stop` there), and run again: what was finished is kept."
            ) from error
        self._lost_on_the_way += 1
        if self._lost_on_the_way > ARRIVALS_FORGIVEN:
            raise ExecutorLost(
                f"{self._lost_on_the_way} places on the Ray cluster in a row were lost before a cell was worked on. "
                f"{_blamed(error)} was the last: {_reason(error).rstrip('.')}. Its logs (/tmp/ray/session_latest/logs "
                "there) say why. Mend it or take it away (`ray stop` there), and run again: what was finished is kept."
            ) from error

    def _forget(self) -> None:
        import ray

        actor, self._actor, self._arriving = self._actor, None, None
        if actor is not None and ray.is_initialized() and not self._cluster.lost:
            ray.kill(actor)


class _Remote:
    """One of the two processes of a seat, called as a local one is."""

    def __init__(self, seat: RaySeat, kind: str):
        self._seat = seat
        self._kind = kind

    def call(self, payload: Any, on_progress: Callable[[int, int], None]) -> Any:
        return self._seat.call(self._kind, payload, on_progress)


def _blamed(error: Exception) -> str:
    """The node that an error of Ray is about, by the address under which `ray status` lists it."""
    # Ray says it in words alone: `(pid=17, ip=10.0.0.4, ...)` of what failed, `ip: 10.0.0.4` of what died.
    found = re.search(r"\bip[=:] ?([\w.:]+)", str(error))
    return f"Node {found[1]}" if found else "A node"


def _reason(error: Exception) -> str:
    """What an error of Ray has to say, without the traceback of another machine."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return first_line(cause)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[-1] if getattr(error, "actor_init_failed", False) else lines[0]
    return next((line for line in lines if line.startswith("The actor is dead because")), said)[:LONGEST_REASON]


def first_line(error: BaseException | None) -> str:
    """What an error of Ray says first; the rest is a traceback of another machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:LONGEST_REASON] if lines else type(error).__name__
