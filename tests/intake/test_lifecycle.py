"""The life of a request as pure functions: what follows what, and when a lease is over."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from intake.queues import START, Clock, wanted

from suite.intake import lifecycle
from suite.intake.lifecycle import ClaimLost, NotPossible, Terms, is_over
from suite.intake.requests import Change, Claim, Request, Stage, as_bytes, read_record
from suite.intake.watch import Watch

TERMS = Terms()
TOKEN, OTHER = "1" * 32, "1" * 16 + "2" * 16
Step = Callable[[Request], Request]

STEPS: dict[str, Step] = {
    "claim": lambda seen: lifecycle.claimed(seen, "w1", TOKEN, START, TERMS),
    "resume": lambda seen: lifecycle.resumed(seen, "w1", OTHER, START, TERMS),
    "beat": lambda seen: lifecycle.beaten(seen, TOKEN, START, [Stage(at=START, name="train")]),
    "release": lambda seen: lifecycle.released(seen, TOKEN, START, "drains"),
    "stumble": lambda seen: lifecycle.stumbled(seen, TOKEN, START, TERMS, "disk full"),
    "publish": lambda seen: lifecycle.published(seen, TOKEN, START),
    "fail": lambda seen: lifecycle.failed(seen, TOKEN, START, "wrong ids", "submission"),
    "expire": lambda seen: lifecycle.expired(seen, "w2", START, TERMS),
    "withdraw": lambda seen: lifecycle.withdrawn(seen, "ada", START),
    "approve": lambda seen: lifecycle.approved(seen, "root", START),
    "requeue": lambda seen: lifecycle.requeued(seen, "root", START),
}
AFTER = {
    "queued": {"claim": "claimed", "withdraw": "withdrawn", "approve": "queued"},
    "claimed": {
        "resume": "claimed",
        "beat": "running",
        "release": "queued",
        "stumble": "queued",
        "publish": "published",
        "fail": "failed",
        "expire": "queued",
        "withdraw": "withdrawn",
        "requeue": "queued",
    },
    "published": {},
    "failed": {},
    "withdrawn": {},
}
AFTER["running"] = AFTER["claimed"]


def fresh(**facts: object) -> Request:
    return lifecycle.submitted(
        wanted(), author="ada", content_sha256="a" * 64, archive_sha256="b" * 64, archive_bytes=9, now=START, **facts
    )  # type: ignore[arg-type]


def along(*steps: str) -> Request:
    request = fresh()
    for step in steps:
        request = STEPS[step](request)
    return request


WAYS = [(), ("claim",), ("claim", "beat"), ("claim", "publish"), ("claim", "fail"), ("withdraw",)]


@pytest.mark.parametrize(("way", "step"), itertools.product(WAYS, STEPS))
def test_every_step_in_every_state(way: tuple[str, ...], step: str) -> None:
    before = along(*way)
    expected = AFTER[before.state].get(step)
    if expected is None:
        with pytest.raises((NotPossible, ClaimLost)):
            STEPS[step](before)
        return
    after = STEPS[step](before)
    assert after.state == expected
    assert (after.claim is not None) == (expected in ("claimed", "running"))
    assert after.history[: len(before.history)] == before.history
    assert read_record(Request, after.path, as_bytes(after)) == after


@pytest.mark.parametrize("step", ["beat", "release", "stumble", "publish", "fail"])
def test_only_the_token_counts_not_the_name(step: str) -> None:
    taken_again = along("claim", "resume")
    assert taken_again.claim is not None
    assert taken_again.claim.worker == "w1"
    with pytest.raises(ClaimLost, match="no longer this worker's"):
        STEPS[step](taken_again)


@pytest.mark.parametrize("end", ["expire", "stumble", "resume"])
def test_three_deaths_are_the_end(end: str) -> None:
    request = fresh()
    for death in range(1, 4):
        if request.state == "queued":
            request = STEPS["claim"](request)
        assert request.claim is not None
        held = request.model_copy(update={"claim": request.claim.model_copy(update={"token": TOKEN})})
        request = STEPS[end](held)
        assert request.deaths == death
    assert request.state == "failed"
    assert request.fault == ("board" if end == "stumble" else "unknown")
    assert "3 attempts ended badly" in request.reason


def test_what_is_no_death_is_not_counted() -> None:
    request = fresh()
    for _ in range(10):
        request = STEPS["release"](STEPS["claim"](request))
        request = STEPS["requeue"](STEPS["claim"](request))
    assert (request.state, request.deaths, request.attempts) == ("queued", 0, 20)


def test_stages_travel_with_the_heartbeat_and_are_bounded() -> None:
    request = along("claim")
    for number in range(100):
        stages = [Stage(at=START, name=f"stage {number}.{part}") for part in range(6)]
        request = lifecycle.beaten(request, TOKEN, START, stages)
    assert request.state == "running"
    assert len(request.stages) == 400
    assert request.stages[-1].name == "stage 99.5"
    assert [change.state for change in request.history] == ["queued", "claimed", "running"]


def test_a_history_that_goes_round_stays_readable() -> None:
    request = fresh()
    for _ in range(600):
        request = STEPS["release"](STEPS["claim"](request))
    assert request.history[0] == Change(at=START, state="queued", by="ada", note="submitted")
    assert len(request.history) < 600
    assert read_record(Request, request.path, as_bytes(request)) == request


def test_a_costly_track_waits_for_a_word() -> None:
    request = fresh(needs_approval=True)
    with pytest.raises(NotPossible):
        STEPS["claim"](request)
    agreed = STEPS["approve"](request)
    assert agreed.approved_by == "root"
    assert STEPS["approve"](agreed) == agreed
    assert STEPS["claim"](agreed).state == "claimed"


def lease(begun: timedelta) -> Claim:
    at = START + begun
    return Claim(worker="w1", token=TOKEN, since=at, heartbeat_at=at, lease_seconds=TERMS.lease.total_seconds())


@pytest.mark.parametrize("observer", [timedelta(hours=hours) for hours in (-30, -2, 0, 2, 30)])
@pytest.mark.parametrize("claimant", [timedelta(hours=hours) for hours in (-30, -2, 0, 2, 30)])
def test_no_clock_ends_the_lease_of_a_heart_that_beats(observer: timedelta, claimant: timedelta) -> None:
    """Heartbeats come every 15 minutes and up to 4 late: whatever the clocks show, nobody calls the worker dead."""
    seen_since = timedelta(0)
    for passed in (timedelta(minutes=minutes) for minutes in range(1000)):
        if passed >= seen_since + TERMS.heartbeat + timedelta(minutes=4):
            seen_since = passed
        claim = lease(claimant + seen_since)
        assert not is_over(claim, START + observer + passed, passed - seen_since, TERMS)


@pytest.mark.parametrize("observer", [timedelta(hours=hours) for hours in (-30, -2, 0, 2, 30)])
@pytest.mark.parametrize("claimant", [timedelta(hours=hours) for hours in (-30, -2, 0, 2, 30)])
def test_a_dead_one_is_found_within_a_lease_and_an_allowance(observer: timedelta, claimant: timedelta) -> None:
    passed = TERMS.lease + TERMS.allowance
    assert is_over(lease(claimant), START + observer + passed, passed, TERMS)


def test_an_observer_that_just_came_believes_no_clock() -> None:
    long_ago = lease(timedelta(days=-3))
    assert not is_over(long_ago, START, timedelta(0), TERMS)
    assert not is_over(long_ago, START, timedelta(minutes=19), TERMS)
    assert is_over(long_ago, START, timedelta(minutes=20), TERMS)


class TestWatch:
    def test_it_counts_from_the_first_look_and_again_from_each_heartbeat(self) -> None:
        clock, request = Clock(), along("claim")
        observer = Watch(clock=clock, monotonic=clock.monotonic)
        seen = []
        for minute in range(0, 60, 10):
            if minute == 30:
                request = lifecycle.beaten(request, TOKEN, clock())
            seen.append(observer.look([request])[request.id].total_seconds() / 60)
            clock.tick(minutes=10)
        assert seen == [0, 10, 20, 0, 10, 20]
        assert observer.look([along()]) == {}

    def test_its_successor_goes_on_watching(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        clock, request = Clock(), along("claim")
        file = tmp_path / "watched.json"
        Watch(file, clock=clock, monotonic=clock.monotonic).look([request])
        clock.tick(hours=1)
        assert Watch(file, clock=clock, monotonic=lambda: 0.0).look([request])[request.id] == timedelta(hours=1)
        for damage in (b"{", b"[]", b'{"a": 1}', b'{"a": ["b", "c"]}', b"\xff"):
            file.write_bytes(damage)
            assert Watch(file, clock=clock).look([request])[request.id] == timedelta(0)

    def test_a_clock_that_is_set_ages_no_lease(self) -> None:
        clock, request = Clock(), along("claim")
        observer = Watch(clock=clock, monotonic=clock.monotonic)
        observer.look([request])
        clock.offset = timedelta(days=2)
        assert observer.look([request])[request.id] == timedelta(0)
        clock.offset = timedelta(days=-2)
        assert observer.look([request])[request.id] == timedelta(0)
