"""Requests on the Hub: strangers open pull requests, a worker answers them, and nothing of theirs is merged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hub.fake_hub import FakeHub, User
from hub.fake_repository import Repository
from hub.pointing import sign_in

from suite.errors import HubRefused
from suite.intake.archive import pack
from suite.intake.lifecycle import Terms
from suite.intake.pull_requests import answer_all, send, send_withdrawal, sent, take_back
from suite.intake.queue import Queue
from suite.intake.selections import Which, as_lines
from suite.stores.hub.proposals import propose
from suite.stores.hub.store import HubStore
from suite.track import load_track

URL = "hf://datasets/org/requests"
MANIFEST = """name = "{name}"
version = "1.0"
title = "The first rows of the pool"
authors = ["A. Stranger"]
licence = "Apache-2.0"
level = "baseline"

[tracks]
microworld = [{budget}]
"""


@pytest.fixture(scope="module")
def pool_ids() -> list[str]:
    from suite.pool.loading import load_pool

    return load_pool(load_track("microworld")).table.column("id").to_pylist()


@pytest.fixture
def submission(pool_ids: list[str]) -> Callable[..., bytes]:
    """Packs an index-only submission for microworld."""
    budget = load_track("microworld").default_budget

    def make(name: str = "first-rows", ids: list[str] | None = None) -> bytes:
        chosen = pool_ids[:budget] if ids is None else ids
        lines = "".join(as_lines({Which("microworld", budget, 0): chosen}))
        manifest = MANIFEST.format(name=name, budget=budget)
        return pack({"submission.toml": manifest.encode(), "selection.jsonl": lines.encode()})

    return make


@pytest.fixture
def repository(pointed: FakeHub) -> Repository:
    pointed.users["hf_other"] = User("other")
    return pointed.create("org/requests")


@pytest.fixture
def as_user(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Callable[[str], HubStore]:  # type: ignore[no-untyped-def]
    """The requests store on the machine of whoever has this token."""

    def sign(token: str) -> HubStore:
        sign_in(token, monkeypatch)
        return HubStore("org/requests", base=tmp_path / token)

    return sign


def answers(store: HubStore) -> list[str]:
    told: list[str] = []
    answer_all(Queue(store, terms=Terms()), store, told.append)
    return told


def comments(repository: Repository, number: int) -> str:
    return "\n".join(str(event["data"]) for event in repository.discussions[number].events)


def test_a_strangers_submission_is_taken_over_under_their_name(
    repository: Repository, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    archive = submission()
    proposal, new = send(as_user("hf_stranger"), archive, title="Submit first-rows 1.0", author="stranger")
    assert (new, proposal.number) == (True, 1)
    again, new = send(as_user("hf_stranger"), archive, title="Submit first-rows 1.0", author="stranger")
    assert (again.number, new) == (1, False)
    assert [one.number for one in sent(as_user("hf_stranger"), "stranger")] == [1]
    assert repository.files == {}

    worker = as_user("hf_worker")
    [told] = answers(worker)
    [request] = Queue(worker).listing().requests
    assert request.id in told
    assert (request.author, request.state, request.wanted.name) == ("stranger", "queued", "first-rows")
    assert request.origin.endswith("/datasets/org/requests/discussions/1")
    assert repository.discussions[1].status == "closed"
    assert f"breadth status {request.id}" in comments(repository, 1)
    assert not any(path.startswith("incoming/") for path in repository.files)
    assert answers(worker) == []
    # The very same again, from the same author: no second request.
    send(as_user("hf_stranger"), archive, title="Again", author="stranger")
    assert "is request" in answers(as_user("hf_worker"))[0]
    assert len(Queue(worker).listing().requests) == 1


def test_a_crash_between_the_request_and_the_answer_loses_nothing(
    repository: Repository, pointed: FakeHub, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    send(as_user("hf_stranger"), submission(), title="Submit", author="stranger")
    worker = as_user("hf_worker")
    pointed.fail("POST .*/discussions/1/status", status=500, times=3)
    assert "was not answered" in answers(worker)[0]
    [request] = Queue(worker).listing().requests
    assert repository.discussions[1].status == "open"
    assert request.id in answers(worker)[0]
    assert [known.id for known in Queue(worker).listing().requests] == [request.id]
    assert repository.discussions[1].status == "closed"


def test_a_lost_answer_opens_no_second_pull_request(
    repository: Repository, pointed: FakeHub, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    pointed.fail("POST .*/commit/main", status=502, done=True)
    proposal, new = send(as_user("hf_stranger"), submission(), title="Submit", author="stranger")
    assert (proposal.number, new) == (1, False)
    assert len(repository.discussions) == 1


def test_what_breaks_rules_is_refused_with_every_problem(
    repository: Repository, as_user: Callable[[str], HubStore], submission: Callable[..., bytes], pool_ids: list[str]
) -> None:
    budget = load_track("microworld").default_budget
    wrong = submission("random", [*pool_ids[: budget - 2], "no-such-id", pool_ids[0]])
    send(as_user("hf_stranger"), wrong, title="Submit", author="stranger")
    [told] = answers(as_user("hf_worker"))
    assert "Refused" in told
    said = comments(repository, 1)
    for rule in ("an id stands once", "every id is one of the track's pool", "exactly as many ids"):
        assert rule in said
    assert repository.files == {}
    assert repository.discussions[1].status == "closed"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"incoming/x.txt": b"hello"}, "no such file belongs"),
        ({"incoming/" + "a" * 64 + ".tar.gz": b"no archive"}, "not gzip"),
        ({"incoming/one.tar.gz": b"1", "incoming/two.tar.gz": b"2"}, "adds one file"),
        ({"incoming/" + "b" * 64 + ".tar.gz": b"x" * (17 * 2**20)}, "at most 16 MiB"),
        ({"incoming/0123456789abcdef.withdraw": b""}, "no request 0123456789abcdef"),
    ],
)
def test_rubbish_is_answered_and_closed(
    repository: Repository, as_user: Callable[[str], HubStore], files: dict[str, bytes], said: str
) -> None:
    propose(as_user("hf_stranger").repository, files, title="Hello", description="", author="stranger")
    answers(as_user("hf_worker"))
    assert said in comments(repository, 1)
    assert repository.discussions[1].status == "closed"
    assert repository.files == {}


def test_an_ordinary_pull_request_is_left_to_people(repository: Repository, as_user: Callable[[str], HubStore]) -> None:
    store = as_user("hf_stranger")
    evil = {"requests/0123456789abcdef.json": b"{}", "README.md": b"hello"}
    propose(store.repository, evil, title="A better README", description="", author="stranger")
    assert answers(as_user("hf_worker")) == []
    assert repository.discussions[1].status == "open"
    assert repository.files == {}


def test_nobody_can_ask_in_anothers_name(
    repository: Repository, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    send(as_user("hf_stranger"), submission(), title="Submit", author="stranger")
    worker = as_user("hf_worker")
    answers(worker)
    [request] = Queue(worker).listing().requests
    send_withdrawal(as_user("hf_other"), request, author="other")
    assert "is not by other" in answers(as_user("hf_worker"))[0]
    assert Queue(worker).get(request.id).state == "queued"
    # The name belongs to its first author, and one author has one active request.
    send(as_user("hf_other"), submission(), title="Submit", author="other")
    assert "Refused" in answers(as_user("hf_worker"))[0]
    send(as_user("hf_stranger"), submission("second-try"), title="Submit", author="stranger")
    assert "active request already" in answers(as_user("hf_worker"))[0]
    send_withdrawal(as_user("hf_stranger"), request, author="stranger")
    assert "is withdrawn" in answers(as_user("hf_worker"))[0]
    assert Queue(worker).get(request.id).state == "withdrawn"


def test_one_takes_back_what_no_worker_has_seen(
    repository: Repository, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    store = as_user("hf_stranger")
    proposal, _ = send(store, submission(), title="Submit", author="stranger")
    take_back(store, proposal)
    assert sent(store) == []
    assert answers(as_user("hf_worker")) == []
    other, _ = send(as_user("hf_other"), submission(), title="Submit", author="other")
    with pytest.raises(HubRefused):
        take_back(as_user("hf_stranger"), other)


def test_strangers_cannot_write_the_queue(repository: Repository, as_user: Callable[[str], HubStore]) -> None:
    from intake.queues import wanted

    with pytest.raises(HubRefused):
        Queue(as_user("hf_stranger")).submit(b"x", wanted(), author="stranger")
    assert repository.files == {}


def test_the_archive_kept_is_the_one_that_was_checked(
    repository: Repository, as_user: Callable[[str], HubStore], submission: Callable[..., bytes]
) -> None:
    archive = submission()
    send(as_user("hf_stranger"), archive, title="Submit", author="stranger")
    worker = as_user("hf_worker")
    answers(worker)
    [request] = Queue(worker).listing().requests
    assert hashlib.sha256(Queue(worker).archive(request)).hexdigest() == request.archive_sha256
    assert Queue(worker).archive(request) == archive
