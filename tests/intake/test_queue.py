"""The queue over both stores: submit, claim, heartbeat, expiry, end, and what two who act at once get."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from intake.conftest import Open
from intake.queues import Clock, claim, submitted, wanted, watch, worker

from suite.errors import StoreError, UsageError
from suite.intake.lifecycle import ClaimLost, NotPossible
from suite.intake.overview import overview, turnaround
from suite.intake.queue import Queue, QuotaError
from suite.intake.requests import Stage
from suite.stores import LocalStore, Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(store: Store, clock: Clock) -> Queue:
    return Queue(store, clock=clock)


def test_a_request_from_submission_to_publication(queue: Queue, clock: Clock) -> None:
    request = submitted(queue, origin="here")
    assert queue.archive(request) == b"archive of my-method"
    assert queue.store.paths() == [
        "authors/ada.json",
        "names/my-method.json",
        request.path,
        request.archive_path,
    ]
    taken = claim(queue, "w1")
    assert taken is not None
    assert taken.state == "claimed"
    assert claim(queue, "w2") is None
    clock.tick(minutes=15)
    running = queue.beat(taken, [Stage(at=clock(), name="train")])
    assert (running.state, running.stages[0].name) == ("running", "train")
    clock.tick(minutes=5)
    done = queue.publish(running, b"all went well\n", also=worker("w1"))
    assert queue.get(request.id) == done
    assert queue.log(done) == "all went well\n"
    assert [(change.state, change.by) for change in done.history] == [
        ("queued", "ada"),
        ("claimed", "w1"),
        ("running", "w1"),
        ("published", "w1"),
    ]
    assert turnaround(queue.listing().requests) == timedelta(minutes=20)
    assert claim(queue, "w1") is None
    assert [found.name for found in queue.listing().workers] == ["w1"]


def test_a_claim_costs_one_commit_and_so_does_its_end(queue: Queue, pointed_commits) -> None:  # type: ignore[no-untyped-def]
    submitted(queue)
    before = pointed_commits()
    taken = claim(queue, "w1")
    assert taken is not None
    queue.beat(taken, also=worker("w1"))
    queue.publish(taken, b"log", also=worker("w1"))
    assert pointed_commits() - before == 3


@pytest.fixture
def pointed_commits(request: pytest.FixtureRequest, store: Store):  # type: ignore[no-untyped-def]
    """Counts the commits of the requests repository."""
    if not store.url.startswith("hf:"):
        pytest.skip("a folder has no commits")
    repository = request.getfixturevalue("pointed").repositories["datasets", "org/requests"]
    return lambda: len(repository.head.history())


def test_the_oldest_comes_first_and_only_to_who_serves_its_tracks(queue: Queue, clock: Clock) -> None:
    for number, (name, tracks) in enumerate([("one", ("small-gpu", "microworld")), ("two", ()), ("three", ())]):
        queue.submit(name.encode(), wanted(name, "1.0", *tracks), author=f"author{number}")
        clock.tick(minutes=1)
    view = overview(queue.listing(), clock())
    assert [(one.position, one.request.wanted.name) for one in view.waiting] == [(1, "one"), (2, "two"), (3, "three")]
    assert "none that lives serves microworld, small-gpu" in view.waiting[0].needs
    queue.show(worker("w1"))
    assert [one.needs != "" for one in overview(queue.listing(), clock()).waiting] == [True, False, False]
    got = [claim(queue, name) for name in ("w1", "w2", "w3")]
    assert [request and request.wanted.name for request in got] == ["two", "three", None]
    big = queue.claim_next(worker("w4", "microworld", "small-gpu"), watch=watch(clock))
    assert big is not None
    assert big.wanted.name == "one"


def test_code_is_left_to_a_worker_that_can_isolate_it(queue: Queue, clock: Clock) -> None:
    code = wanted("my-code").model_copy(update={"kind": "code"})
    request, _ = queue.submit(b"code", code, author="ada")
    submitted(queue, "my-ids", author="bob")
    without = worker("bare").model_copy(update={"sandbox": False})
    taken = queue.claim_next(without, watch=watch(clock))
    assert taken is not None
    assert taken.wanted.name == "my-ids"
    other = without.model_copy(update={"name": "bare-too"})
    assert queue.claim_next(other, watch=watch(clock)) is None
    queue.show(other)
    [waiting] = overview(queue.listing(), clock()).waiting
    assert waiting.needs.startswith("a worker with a sandbox for code: none that lives has one")
    queue.show(worker("able"))
    [waiting] = overview(queue.listing(), clock()).waiting
    assert waiting.needs == ""
    taken = claim(queue, "able")
    assert taken is not None
    assert taken.id == request.id


def test_the_same_submission_is_the_same_request(queue: Queue) -> None:
    first = submitted(queue)
    again, new = queue.submit(b"archive of my-method", wanted(), author="Ada")
    assert (again, new) == (first, False)
    recompressed, new = queue.submit(b"other bytes", wanted(), author="ada", content_sha256=first.content_sha256)
    assert (recompressed, new) == (first, False)


def test_an_author_has_one_active_request_and_a_name_one_author(queue: Queue) -> None:
    first = submitted(queue)
    with pytest.raises(QuotaError, match=f"active request already: {first.id}.*breadth withdraw"):
        queue.submit(b"another", wanted("another"), author="ADA")
    with pytest.raises(QuotaError, match="belongs to ada"):
        queue.submit(b"mine", wanted(), author="bob")
    taken = claim(queue, "w1")
    assert taken is not None
    queue.publish(taken, b"")
    with pytest.raises(QuotaError, match="Raise the version"):
        queue.submit(b"better", wanted(), author="ada")
    second, new = queue.submit(b"better", wanted("my-method", "1.1"), author="ada")
    assert new
    assert second.id != first.id


@pytest.mark.parametrize(("fault", "free"), [("submission", False), ("board", True), ("unknown", False)])
def test_a_failure_of_ours_is_free(queue: Queue, fault: str, free: bool) -> None:
    submitted(queue)
    taken = claim(queue, "w1")
    assert taken is not None
    queue.fail(taken, "it broke", fault, b"log")  # type: ignore[arg-type]
    again, new = queue.submit(b"archive of my-method", wanted(), author="ada")
    assert new == free
    assert again.round == (2 if free else 1)
    if not free:
        anew = queue.requeue(again.id, "root")
        assert (anew.state, anew.round, anew.author) == ("queued", 2, "ada")
        assert queue.archive(anew) == b"archive of my-method"
    assert queue.get(taken.id).state == "failed"


def test_a_withdrawn_one_can_come_back(queue: Queue) -> None:
    first = submitted(queue)
    assert queue.withdraw(first.id, "ada").state == "withdrawn"
    with pytest.raises(NotPossible, match="final"):
        queue.withdraw(first.id, "ada")
    assert claim(queue, "w1") is None
    second = submitted(queue)
    assert second.round == 2


def test_a_worker_notices_a_withdrawal_at_its_next_heartbeat(queue: Queue) -> None:
    submitted(queue)
    taken = claim(queue, "w1")
    assert taken is not None
    queue.withdraw(taken.id, "ada", "wrong file")
    for late in (lambda: queue.beat(taken), lambda: queue.publish(taken, b"x"), lambda: queue.release(taken, "")):
        with pytest.raises(ClaimLost, match="withdrawn"):
            late()
    assert queue.get(taken.id).state == "withdrawn"
    assert queue.store.read(taken.log_path) is None


def test_a_costly_track_waits_for_a_maintainer(queue: Queue, clock: Clock) -> None:
    request = submitted(queue, needs_approval=True)
    assert claim(queue, "w1") is None
    [waiting] = overview(queue.listing(), clock()).waiting
    assert waiting.position is None
    assert "maintainer" in waiting.needs
    queue.approve(request.id, "root")
    assert claim(queue, "w1") is not None


def test_a_lease_that_ran_out_is_taken_over_and_the_late_worker_told(queue: Queue, opened: Open, clock: Clock) -> None:
    submitted(queue)
    taken = claim(queue, "w1", watch(clock))
    assert taken is not None
    other, observer = Queue(opened(), clock=clock), watch(clock)
    for _ in range(7):
        assert claim(other, "w2", observer) is None
        clock.tick(minutes=10)
    clock.tick(minutes=1)
    second = claim(other, "w2", observer)
    assert second is not None
    assert (second.id, second.deaths, second.attempts) == (taken.id, 1, 2)
    with pytest.raises(ClaimLost, match="by w2"):
        queue.publish(taken, b"late")
    assert other.publish(second, b"in time").state == "published"
    assert queue.log(queue.get(taken.id)) == "in time"


def test_what_an_old_copy_shows_ends_no_lease(queue: Queue, opened: Open, clock: Clock) -> None:
    """An observer whose store was away watched an old copy; the heartbeat it did not see counts."""
    submitted(queue)
    taken = claim(queue, "w1", watch(clock))
    assert taken is not None
    other, observer = Queue(opened(), clock=clock), watch(clock)
    old = other.listing()
    observer.look(old.requests)
    clock.tick(hours=2)
    queue.beat(taken)
    assert not other._end_dead(old, worker("w2"), observer)
    assert queue.get(taken.id).state == "running"
    assert queue.get(taken.id).deaths == 0


def test_a_killed_worker_takes_up_its_own_claim(queue: Queue, clock: Clock) -> None:
    submitted(queue)
    for attempt in (1, 2, 3):
        taken = claim(queue, "w1", watch(clock))
        assert taken is not None
        assert (taken.attempts, taken.deaths) == (attempt, attempt - 1)
        # Another worker has no business with it.
        assert claim(queue, "w2", watch(clock)) is None
    assert claim(queue, "w1", watch(clock)) is None
    [request] = queue.listing().requests
    assert (request.state, request.fault, request.deaths) == ("failed", "unknown", 3)


def test_a_namesake_on_another_machine_takes_up_nothing(queue: Queue, clock: Clock) -> None:
    submitted(queue)
    taken = claim(queue, "w1", watch(clock))
    assert taken is not None
    namesake = worker("w1").model_copy(update={"instance": "f" * 16})
    assert queue.claim_next(namesake, watch=watch(clock)) is None
    assert queue.beat(taken).deaths == 0


def test_a_maintainer_takes_a_request_out_of_a_workers_hands(queue: Queue) -> None:
    request = submitted(queue)
    with pytest.raises(NotPossible):
        queue.requeue(request.id, "root")
    taken = claim(queue, "w1")
    assert taken is not None
    assert queue.requeue(request.id, "root").state == "queued"
    with pytest.raises(ClaimLost):
        queue.beat(taken)
    assert claim(queue, "w2") is not None


def test_of_many_claims_at_once_one_wins(opened: Open, clock: Clock) -> None:
    queues = [Queue(opened(), clock=clock) for _ in range(5)]
    requests = [submitted(queues[0], f"method-{n}", f"author{n}") for n in range(2)]
    with ThreadPoolExecutor(5) as pool:
        got = list(pool.map(lambda number: claim(queues[number], f"w{number}"), range(5)))
    assert sorted(request.id for request in got if request) == sorted(request.id for request in requests)


def test_of_many_submissions_at_once_of_one_author_one_is_queued(opened: Open, clock: Clock) -> None:
    queues = [Queue(opened(), clock=clock) for _ in range(4)]

    def send(number: int) -> bool:
        try:
            return queues[number].submit(f"{number}".encode(), wanted(f"method-{number}"), author="ada")[1]
        except QuotaError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(send, range(4))) == 1
    assert len(queues[0].listing().requests) == 1


def test_a_pointer_whose_record_is_still_on_its_way_holds_the_quota(tmp_path: Path, clock: Clock) -> None:
    """A folder takes the files of a submission one by one; whoever looks between two of them must look again."""
    first = submitted(Queue(LocalStore(tmp_path), clock=clock), "method-1")
    record = (tmp_path / first.path).read_bytes()

    class Between(LocalStore):
        def write(self, files: Mapping[str, bytes], **asked: Any) -> None:
            if first.path not in files and not (tmp_path / first.path).exists():
                super().write({first.path: record})
            super().write(files, **asked)

    (tmp_path / first.path).unlink()
    mine = Queue(Between(tmp_path), clock=clock)
    with pytest.raises(QuotaError, match="active request already"):
        mine.submit(b"2", wanted("method-2"), author="ada")
    assert [request.id for request in mine.listing().requests] == [first.id]


def test_what_is_missing_or_damaged_is_one_error(queue: Queue) -> None:
    with pytest.raises(UsageError, match="no request 0123456789abcdef"):
        queue.get("0123456789abcdef")
    with pytest.raises(StoreError, match="no path inside a store"):
        queue.get("../../etc/passwd")
    request = submitted(queue)
    queue.store.write({request.archive_path: b"something else"})
    with pytest.raises(StoreError, match="not the one that was submitted"):
        queue.archive(request)
    queue.store.write({request.path: b"{}"})
    with pytest.raises(StoreError, match="is no request"):
        queue.get(request.id)


def test_liveness_and_turnaround(queue: Queue, clock: Clock) -> None:
    assert overview(queue.listing(), clock()).turnaround is None
    queue.show(worker("idle"))
    queue.show(worker("gone").model_copy(update={"stopped": True}))
    for minutes, alive in ((0, True), (60, True), (69, True), (71, False)):
        clock.passed = timedelta(minutes=minutes)
        states = {state.worker.name: state.alive for state in overview(queue.listing(), clock()).workers}
        assert states == {"idle": alive, "gone": False}
    for number, minutes in enumerate((10, 30, 600)):
        submitted(queue, f"method-{number}", f"author{number}")
        taken = claim(queue, "w1", watch(clock))
        assert taken is not None
        clock.tick(minutes=minutes)
        queue.publish(taken, b"")
    view = overview(queue.listing(), clock())
    assert view.turnaround == timedelta(minutes=30)
    assert [request.wanted.name for request in view.ended] == ["method-2", "method-1", "method-0"]
