"""Every misfortune of the Hub, one test each: nothing is lost, nothing is done twice, and the reader is told."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from factories import result
from hub.fake_hub import FakeHub
from hub.fake_repository import Repository
from hub.pointing import sign_in

from suite.errors import HubRefused, HubUnavailable, StoreConflict
from suite.results import Result
from suite.stores.hub.patience import Patience
from suite.stores.hub.repository import HubRepository
from suite.stores.hub.store import HubStore

COMMIT = "POST .*/commit/"
RECORDS = [result(training_seed=seed) for seed in range(5)]


@pytest.fixture
def store(pointed: FakeHub) -> HubStore:
    """A store with five results that wait."""
    opened = HubStore("org/results", reading=Patience(attempts=2, first_wait=0.01))
    opened.put_many(RECORDS)
    return opened


@pytest.fixture
def repository(pointed: FakeHub) -> Repository:
    return pointed.repositories["datasets", "org/results"]


def hurried(waits: list[float] | None = None, attempts: int = 4) -> Patience:
    """Patience that notes its waits and does not wait."""
    return Patience(attempts=attempts, pause=(waits if waits is not None else []).append)


def all_there(repository: Repository, commits: int = 1) -> None:
    """Every record is there as it was put, and each was added by exactly one commit."""
    assert repository.files == {record.path: record.to_json().encode() for record in RECORDS}
    assert len(repository.head.history()) == 1 + commits


def test_without_misfortune(store: HubStore, repository: Repository, pointed: FakeHub) -> None:
    assert store.waiting() == 5
    assert store.publish() == 5
    assert store.waiting() == 0
    all_there(repository)
    assert store.publish() == 0
    assert len(pointed.asked(COMMIT[5:].replace(".*", ""))) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_error_before_the_commit_is_tried_again(
    store: HubStore, repository: Repository, pointed: FakeHub, status: int
) -> None:
    pointed.fail(COMMIT, status=status)
    assert store.publish(patience=hurried()) == 5
    all_there(repository)


def test_a_commit_that_landed_although_the_answer_was_an_error_is_not_made_again(
    store: HubStore, repository: Repository, pointed: FakeHub
) -> None:
    pointed.fail(COMMIT, status=500, done=True)
    assert store.publish(patience=hurried()) == 5
    all_there(repository)
    assert len(pointed.asked("/commit/")) == 1


def test_an_answer_that_is_cut_off(store: HubStore, repository: Repository, pointed: FakeHub) -> None:
    pointed.fail(COMMIT, cut=10)
    assert store.publish(patience=hurried()) == 5
    all_there(repository)
    assert len(pointed.asked("/commit/")) == 1


def test_an_answer_that_is_too_slow(
    store: HubStore, repository: Repository, pointed: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADTH_HUB_TIMEOUT", "0.5")
    pointed.fail(COMMIT, slow=1.5)
    assert store.publish(patience=hurried()) == 5
    # The slow commit is worked on when the second one has landed: the condition on its parent keeps it out.
    deadline = time.monotonic() + 20
    while len(pointed.asked("/commit/")) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(request[-3:] for request in pointed.asked("/commit/")) == ["200", "412"]
    all_there(repository)


def test_somebody_else_commits_in_between(store: HubStore, repository: Repository, pointed: FakeHub) -> None:
    head = HubRepository.head
    others = iter([b"1", b"2"])

    def raced(self: HubRepository) -> str:
        found = head(self)
        if (content := next(others, None)) is not None:
            repository.put("notes.txt", content)
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(HubRepository, "head", raced)
        waits: list[float] = []
        assert store.publish(patience=hurried(waits)) == 5
    assert [request[-3:] for request in pointed.asked("/commit/")] == ["412", "412", "200"]
    assert len(waits) == 2
    assert repository.files.keys() == {"notes.txt", *(record.path for record in RECORDS)}


def test_patience_ends(store: HubStore, repository: Repository, pointed: FakeHub) -> None:
    pointed.fail(COMMIT, status=412, times=100)
    with pytest.raises(HubUnavailable, match="kept committing"):
        store.publish(patience=hurried(attempts=4))
    assert len(pointed.asked("/commit/")) == 4
    assert store.waiting() == 5
    pointed.faults.clear()
    assert store.publish() == 5
    all_there(repository)


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "7"}, {"ratelimit": '"api";r=0;t=7', "ratelimit-policy": '"fixed window";"api";q=5;w=300'}],
)
def test_the_hub_is_asked_again_no_sooner_than_it_wishes(
    store: HubStore, repository: Repository, pointed: FakeHub, headers: dict[str, str]
) -> None:
    pointed.fail(COMMIT, status=429, headers=headers)
    waits: list[float] = []
    assert store.publish(patience=hurried(waits)) == 5
    assert len(waits) == 1
    assert waits[0] >= 7
    all_there(repository)


def test_a_wish_for_hours_is_not_waited_for(store: HubStore, pointed: FakeHub) -> None:
    pointed.fail(COMMIT, status=429, headers={"Retry-After": "7200"})
    waits: list[float] = []
    with pytest.raises(HubUnavailable, match="limits how often"):
        store.publish(patience=hurried(waits))
    assert waits == []
    assert store.waiting() == 5


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("hf_wrong", "token is not valid.*hf auth login"),
        ("hf_reader", "write access"),
        ("hf_stranger", "write access"),
        (None, "not signed in.*hf auth login"),
    ],
)
def test_a_token_that_may_not_is_refused_at_once(
    store: HubStore, pointed: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str | None, message: str
) -> None:
    sign_in(token, monkeypatch)
    waits: list[float] = []
    for call in (lambda: store.publish(patience=hurried(waits)), store.check):
        with pytest.raises(HubRefused, match=message) as error:
            call()
        assert (token or "hf_") not in str(error.value)
    assert waits == []
    assert store.waiting() == 5
    sign_in("hf_worker", monkeypatch)
    assert store.publish() == 5


@pytest.mark.parametrize(("token", "message"), [("hf_stranger", "may not see it"), (None, "not signed in")])
def test_a_private_repository_looks_like_none(
    pointed: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str | None, message: str
) -> None:
    pointed.create("org/secret", private=True)
    sign_in(token, monkeypatch)
    store = HubStore("org/secret")
    for call in (store.check, lambda: store.check(write=False), lambda: store.write({"a": b"1"})):
        with pytest.raises(HubRefused, match=message):
            call()
    assert list(store.results()) == []
    assert message in (store.trouble or "")
    assert store.as_of is None


def test_a_repository_that_is_missing_can_be_created(pointed: FakeHub) -> None:
    store = HubStore("org/new")
    store.put(RECORDS[0])
    with pytest.raises(HubRefused, match="--create"):
        store.publish(patience=hurried())
    store.create(private=True)
    store.create(private=True)
    assert store.publish() == 1
    assert pointed.repositories["datasets", "org/new"].private


def test_an_outage_delays_and_loses_nothing(store: HubStore, repository: Repository, pointed: FakeHub) -> None:
    store.publish()
    assert list(store.results()) == sorted(RECORDS, key=lambda record: record.path)
    seen = store.as_of
    pointed.stop()
    later = result(training_seed=99)
    store.put(later)
    assert len(list(store.results())) == 6
    assert later in store.results()
    assert store.trouble is not None
    assert "cannot be reached" in store.trouble
    assert store.as_of == seen
    with pytest.raises(HubUnavailable, match="cannot be reached"):
        store.publish(patience=hurried())
    assert store.waiting() == 1
    pointed.start()
    again = HubStore("org/results")
    assert len(list(again.results())) == 6
    assert again.trouble is None
    assert again.publish() == 1
    assert later.path in repository.files


def test_offline_mode_is_told_apart(store: HubStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    waits: list[float] = []
    with pytest.raises(HubUnavailable, match="HF_HUB_OFFLINE"):
        store.publish(patience=hurried(waits))
    assert waits == []
    assert len(list(store.results())) == 5


def lost_answer(pointed: FakeHub) -> None:
    pointed.fail(COMMIT, status=500, done=True)


def storage_error(pointed: FakeHub) -> None:
    pointed.fail("PUT /storage/", status=500)


def refused_once(pointed: FakeHub) -> None:
    pointed.fail(COMMIT, status=412)


@pytest.mark.parametrize("misfortune", [lost_answer, storage_error, refused_once])
def test_a_table_is_written_once_whatever_happens(
    store: HubStore, repository: Repository, pointed: FakeHub, misfortune: Callable[[FakeHub], None]
) -> None:
    misfortune(pointed)
    table = b"PAR1" + bytes(1000)
    store.write({"leaderboard/m.parquet": table}, expected={"leaderboard/m.parquet": None})
    assert repository.files == {"leaderboard/m.parquet": table}
    assert len(repository.head.history()) == 2
    with pytest.raises(StoreConflict):
        store.write({"leaderboard/m.parquet": b"PAR1"}, expected={"leaderboard/m.parquet": None})


def test_anothers_record_of_the_same_result_stays(store: HubStore, repository: Repository) -> None:
    mine = RECORDS[0]
    theirs = mine.model_copy(update={"cost": mine.cost.model_copy(update={"host": "elsewhere"})})
    repository.put(theirs.path, theirs.to_json().encode())
    assert store.publish() == 5
    assert repository.files[mine.path] == theirs.to_json().encode()
    assert [record.cost.host for record in store.results() if record.path == mine.path] == ["elsewhere"]


def test_a_spooled_file_that_is_damaged_is_held_back(store: HubStore, repository: Repository) -> None:
    store.spool.add(RECORDS[1].path, b"torn")
    assert store.publish() == 4
    assert [(file.path, "not JSON" in file.reason) for file in store.held_back] == [(RECORDS[1].path, True)]
    assert store.waiting() == 1
    assert RECORDS[1].path not in repository.files


def test_a_crash_after_the_spool_and_before_the_rest(store: HubStore) -> None:
    late: Result = result(training_seed=77)
    store.spool.add(late.path, late.to_json().encode())
    assert late in HubStore("org/results").results()


def test_no_token_is_written_anywhere(store: HubStore, pointed: FakeHub) -> None:
    pointed.fail(COMMIT, status=403)
    with pytest.raises(HubRefused):
        store.publish(patience=hurried())
    store.publish()
    list(store.results())
    written = [path for path in store.base.parents[2].rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [path for path in written if b"hf_worker" in path.read_bytes()]
