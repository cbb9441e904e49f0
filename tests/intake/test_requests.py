"""Reading records of the queue: whatever a stranger put there, it is a record or a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from intake.conftest import Open
from intake.queues import START, Clock, claim, submitted, wanted, worker

from suite.intake import lifecycle
from suite.intake.overview import read_listing
from suite.intake.queue import Queue
from suite.intake.requests import LARGEST_RECORD, Request, WorkerRecord, as_bytes, read_record
from suite.stores import LocalStore, Skipped


def document(**changes: Any) -> dict[str, Any]:
    request = lifecycle.submitted(
        wanted(), author="ada", content_sha256="a" * 64, archive_sha256="b" * 64, archive_bytes=9, now=START
    )
    return {**json.loads(as_bytes(request)), **changes}


PATH = f"requests/{document()['id']}.json"
HISTORY = document()["history"]


def read(content: bytes, path: str = PATH) -> Request | Skipped:
    return read_record(Request, path, content)


def test_what_is_written_is_read() -> None:
    found = read(json.dumps(document()).encode())
    assert isinstance(found, Request)
    assert as_bytes(found) == as_bytes(Request.model_validate_json(as_bytes(found)))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "published"},
        {"state": "won"},
        {"state": "claimed"},
        {"author": "../../etc"},
        {"author": "ada\u202e"},
        {"author": "bob"},
        {"content_sha256": "c" * 64},
        {"id": "0" * 16},
        {"id": "../../../up"},
        {"submitted_at": "2026-01-01T00:00:00"},
        {"submitted_at": "yesterday"},
        {"attempts": -1},
        {"fault": "board"},
        {"history": []},
        {"history": HISTORY * 3000},
        {"reason": "x" * 3000},
        {"wanted": {**document()["wanted"], "name": "<script>"}},
        {"wanted": {**document()["wanted"], "tracks": {}}},
        {"wanted": {**document()["wanted"], "tracks": {"microworld": [-5]}}},
        {"wanted": {**document()["wanted"], "tracks": {"../up": [500]}}},
        {"claim": {"worker": "w", "token": "1" * 32}},
        {"unknown": 1},
        {"schema_version": 0},
        {"schema_version": "2"},
        {"schema_version": True, "unknown": 1},
    ],
)
def test_what_no_queue_wrote_is_left_out(changes: dict[str, Any]) -> None:
    found = read(json.dumps(document(**changes)).encode())
    assert isinstance(found, Skipped)
    assert not found.future
    assert found.reason


def test_a_lease_that_would_last_for_ever_is_none() -> None:
    request = lifecycle.claimed(Request.model_validate(document()), "w1", "1" * 32, START, lifecycle.Terms())
    held = json.loads(as_bytes(request))
    assert isinstance(read(json.dumps(held).encode()), Request)
    for seconds in (0, -1, 1e12, float("inf"), float("nan")):
        held["claim"]["lease_seconds"] = seconds
        assert isinstance(read(json.dumps(held).encode()), Skipped)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema_version":' * 20_000,
        b" " * (LARGEST_RECORD + 1),
        b"1" * 5000,
        b'{"schema_version": 1e999}',
    ],
)
def test_what_is_no_record_at_all_is_left_out(content: bytes) -> None:
    found = read(content)
    assert isinstance(found, Skipped)
    assert not found.future


def test_a_future_schema_is_counted_and_not_judged() -> None:
    found = read(json.dumps({"schema_version": 2, "anything": [1]}).encode())
    assert isinstance(found, Skipped)
    assert found.future


def test_a_record_under_another_name_is_none() -> None:
    found = read(json.dumps(document()).encode(), "requests/0123456789abcdef.json")
    assert isinstance(found, Skipped)
    assert "belongs at" in found.reason
    assert isinstance(read_record(WorkerRecord, "workers/other.json", as_bytes(worker("me"))), Skipped)


def test_a_queue_full_of_rubbish_still_serves(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    store = LocalStore(folder)
    queue = Queue(store, clock=Clock())
    mine = submitted(queue)
    for name, content in {
        "requests/0000000000000000.json": b"{",
        "requests/huge.json": b" " * (LARGEST_RECORD + 1),
        "requests/next.json": b'{"schema_version": 7}',
        "requests/deep/er.json": b"{}",
        "workers/odd.json": b"[]",
        "authors/eve.json": b"\xff",
        "names/other.json": b"{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "requests" / "folder.json").mkdir()
    (folder / "requests" / "gone.json").symlink_to(folder / "nowhere")
    listing = read_listing(store)
    assert [request.id for request in listing.requests] == [mine.id]
    assert sum(skipped.future for skipped in listing.skipped) == 1
    assert len(listing.skipped) == 5
    taken = claim(queue, "w1")
    assert taken is not None
    assert taken.id == mine.id
    # A pointer that is damaged counts as none, and is replaced by a whole one.
    submitted(queue, "other", "eve")
    assert b'"author":"eve"' in (folder / "authors" / "eve.json").read_bytes()


def test_both_stores_list_the_same(opened: Open) -> None:
    queue = Queue(opened(), clock=Clock())
    first, second = submitted(queue, "one", "ada"), submitted(queue, "two", "bob")
    queue.show(worker("w1"))
    listing = read_listing(opened())
    assert {request.id for request in listing.requests} == {first.id, second.id}
    assert [found.name for found in listing.workers] == ["w1"]
    assert listing.skipped == []
