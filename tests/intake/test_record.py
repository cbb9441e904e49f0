"""What a board knows of submissions: their records in a store, whatever strangers put there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sent import TOML

from suite.intake.record import (
    LARGEST_RECORD,
    SubmissionRecord,
    former_record,
    plugin_facts_of,
    read_records,
    record_of,
    versions_on,
    write_record,
)
from suite.intake.requests import Change, Declared, Request, request_id
from suite.intake.sandbox.selecting import Selected
from suite.intake.submission import MANIFEST
from suite.intake.watch import utc_now
from suite.stores import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """The folder of a submission."""
    folder = tmp_path / "my-method"
    folder.mkdir()
    (folder / MANIFEST).write_text(TOML)
    return folder


def request(kind: Any = "code") -> Request:
    now, content = utc_now(), "0" * 64
    return Request(
        id=request_id("ada", content, 1),
        author="ada",
        wanted=Declared(name="my-method", version="1.2", kind=kind, tracks={"tiny": (8, 15)}),
        content_sha256=content,
        archive_sha256=content,
        archive_bytes=1,
        submitted_at=now,
        history=(Change(at=now, state="queued", by="ada"),),
    )


@pytest.mark.parametrize(
    ("kind", "picked", "words"),
    [
        ("index-only", None, "given"),
        ("code", (True, 1.0), "reproduced"),
        ("code", (False, 0.834), "varies (83% again)"),
        ("code", (False, 1.0), "varies in order"),
    ],
)
def test_a_record_says_how_the_picks_came_about(
    store: LocalStore, sent: Path, kind: str, picked: tuple[bool, float] | None, words: str
) -> None:
    record = record_of(request(kind), sent, Selected(sent, *picked) if picked else None)
    write_record(store, record)
    before = (store.folder / "submissions" / "my-method.json").stat().st_mtime_ns
    write_record(store, record)
    assert (store.folder / "submissions" / "my-method.json").stat().st_mtime_ns == before
    found, skipped = read_records(store)
    assert (found, skipped) == ({"my-method": record}, [])
    facts = plugin_facts_of(record, "tiny")
    assert (facts.level, facts.kind, facts.paper, facts.selection) == ("meso", kind, "arXiv:2505.24768", words)
    assert facts.picks == {}


def test_a_record_names_the_picks_of_its_version(store: LocalStore, sent: Path) -> None:
    bare = record_of(request(), sent, None)
    record = bare.with_picks("tiny", {8: ("a" * 64, "b" * 64), 15: ("c" * 64,)}).with_picks("other", {8: ("d" * 64,)})
    write_record(store, record)
    found, _ = read_records(store)
    assert found == {"my-method": record}
    facts = plugin_facts_of(found["my-method"], "tiny")
    assert facts.picks == {8: ("a" * 64, "b" * 64), 15: ("c" * 64,)}
    assert plugin_facts_of(record, "a track it does not name").picks == {}
    assert versions_on("tiny", found) != versions_on("tiny", {"my-method": record.with_picks("tiny", {})})
    assert versions_on("a track it does not name", found) == []


def test_a_record_of_schema_1_knows_no_picks(store: LocalStore, sent: Path) -> None:
    old = record_of(request(), sent, None).model_dump(mode="json") | {"schema_version": 1}
    del old["picks"]
    record = SubmissionRecord.model_validate(old)
    write_record(store, record)
    found, skipped = read_records(store)
    assert (found, skipped) == ({"my-method": record}, [])
    assert plugin_facts_of(record, "tiny").picks is None
    assert versions_on("tiny", found) == []
    with pytest.raises(ValueError, match="picks stand in schema 2"):
        SubmissionRecord.model_validate(old | {"schema_version": 2})


def test_a_former_record_is_that_of_another_request(store: LocalStore, sent: Path) -> None:
    record = record_of(request(), sent, None)
    assert former_record(store, record) is None
    write_record(store, record)
    assert former_record(store, record) is None
    assert former_record(store, record.model_copy(update={"request": "f" * 16})) == record
    (store.folder / record.path).write_bytes(b"{")
    assert former_record(store, record.model_copy(update={"request": "f" * 16})) is None


def test_what_strangers_put_there_is_passed_over_with_the_reason(store: LocalStore, sent: Path) -> None:
    good = record_of(request(), sent, None).model_dump(mode="json")
    bad: dict[str, bytes] = {
        "other-name.json": json.dumps(good).encode(),
        "large.json": b" " * (LARGEST_RECORD + 1),
        "no-json.json": b"\xff{",
        "deep.json": b"[" * 30_000,
        "list.json": b"[]",
        "future.json": json.dumps(good | {"schema_version": 3}).encode(),
        "older.json": json.dumps(good | {"schema_version": 1}).encode(),
        "hash.json": json.dumps(good | {"picks": {"tiny": {"8": ["<b>"]}}}).encode(),
        "budget.json": json.dumps(good | {"picks": {"tiny": {"eight": []}}}).encode(),
        "level.json": json.dumps(good | {"submission": good["submission"] | {"level": "<b>best</b>"}}).encode(),
        "more.json": json.dumps(good | {"more": 1}).encode(),
        "overlap.json": json.dumps(good | {"overlap": 1e9}).encode(),
        "link.json": b"",
    }
    folder = store.folder / "submissions"
    folder.mkdir(parents=True)
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    (folder / "link.json").unlink()
    (folder / "link.json").symlink_to(sent / MANIFEST)
    found, skipped = read_records(store)
    assert found == {}
    assert {one.path for one in skipped} == {f"submissions/{name}" for name in bad}
    assert [one.path for one in skipped if one.future] == ["submissions/future.json"]
    assert all(len(one.reason) < 400 for one in skipped)
    assert SubmissionRecord.model_validate(good).path == "submissions/my-method.json"
