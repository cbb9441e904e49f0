"""The local store: append-only and idempotent for its writer, unshakeable for its reader."""

from __future__ import annotations

import base64
import errno
import json
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import result, task

from suite.errors import StorageError, StoreError
from suite.hashing import canonical_json, content_key
from suite.results import Result
from suite.stores import LocalStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def files(store: LocalStore) -> list[str]:
    return sorted(path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*") if path.is_file())


def damaged(store: LocalStore, change: Callable[[dict[str, Any]], None], rename: bool = True) -> None:
    """Replace the only record by a changed one, under the name its content asks for."""
    [path] = list(store.folder.rglob("*.json"))
    document = json.loads(path.read_text())
    change(document)
    if rename:
        content = {key: value for key, value in document.items() if key != "cost"}
        path.unlink()
        path = path.with_name(f"{content_key(content)[:16]}.json")
    path.write_text(canonical_json(document))


def test_what_is_put_comes_back(store: LocalStore) -> None:
    one, other = result(), result(spec="k-means:clusters=5", training_seed=1)
    assert store.put(one) == one.path
    assert store.put(other) == other.path
    assert files(store) == sorted([one.path, other.path])
    assert list(store.results("microworld")) == sorted([one, other], key=lambda record: record.path)
    assert store.skipped == []
    assert store.of_cell(one.cell.id)
    assert not store.of_cell(result(training_seed=2).cell.id)


def test_equal_content_is_stored_once_with_its_first_cost(store: LocalStore) -> None:
    first = result(training_seconds=1.0)
    store.put(first)
    before = (store.folder / first.path).read_bytes()
    assert store.put(result(training_seconds=9.0)) == first.path
    assert (store.folder / first.path).read_bytes() == before
    assert files(store) == [first.path]


def test_another_content_of_the_same_cell_is_a_second_record(store: LocalStore) -> None:
    store.put(result([task([1.0, 0.0])]))
    store.put(result([task([0.0, 0.0])]))
    assert len(files(store)) == 2
    assert len(list(store.results())) == 2


def test_a_correction_replaces_the_record_it_names(store: LocalStore) -> None:
    old = result([task([1.0, 0.0])])
    new = result([task([0.0, 0.0])], supersedes=old.record_id)
    for record in (old, new):
        store.put(record)
    assert list(store.results()) == [new]
    assert store.superseded == 1
    assert len(files(store)) == 2


def test_a_correction_reaches_no_other_cell(store: LocalStore) -> None:
    victim = result(spec="k-center")
    store.put(victim)
    store.put(result(supersedes=victim.record_id))
    assert victim in list(store.results())
    assert store.superseded == 0


def test_only_the_asked_track_is_read(store: LocalStore) -> None:
    store.put(result())
    store.put(result(track="alpaca-cpu"))
    assert [record.cell.track for record in store.results("alpaca-cpu")] == ["alpaca-cpu"]
    assert len(list(store.results())) == 2


def test_an_empty_store_and_an_unknown_track_hold_nothing(store: LocalStore) -> None:
    assert list(store.results()) == []
    store.put(result())
    assert list(store.results("no-such-track")) == []
    assert store.skipped == []


def bomb(document: dict[str, Any]) -> None:
    packed = zlib.compress(bytes(10**8), 9)
    document["tasks"][0] |= {"values": base64.b64encode(packed).decode(), "mean": 0.0}


def set_values(document: dict[str, Any], values: str) -> None:
    document["tasks"][0]["values"] = values


def set_mean(document: dict[str, Any], mean: float) -> None:
    document["tasks"][0]["mean"] = mean


def set_cell(document: dict[str, Any], **changes: Any) -> None:
    document["cell"] |= changes


NOT_FINITE = base64.b64encode(zlib.compress(np.array([np.nan, 1, 0], "<f4").tobytes())).decode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document.update(schema_version=2), "schema version 2"),
        (lambda document: document.update(schema_version="1"), "schema_version"),
        (lambda document: document.pop("tasks"), "tasks"),
        (lambda document: document.update(extra=1), "extra"),
        (lambda document: document["tasks"].append(document["tasks"][0]), "stands twice"),
        (lambda document: document["cost"].update(training_seconds=-1), "cost.training_seconds"),
        (lambda document: document.update(supersedes="../../x"), "supersedes"),
        (lambda document: set_cell(document, track="../up"), "cell.track"),
        (lambda document: set_cell(document, training_seed=9), "its content belongs at"),
        (lambda document: set_cell(document, spec="random"), "not one of strategy"),
        (lambda document: set_mean(document, 0.9), "is not that of its per-item values"),
        (lambda document: set_values(document, "AAAA"), "damaged"),
        (lambda document: set_values(document, "not base64!"), "damaged"),
        (lambda document: set_values(document, NOT_FINITE), "finite"),
        (bomb, "bytes of per-item values"),
    ],
)
def test_a_record_that_is_wrong_is_skipped_with_the_reason(
    store: LocalStore, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    record = result()
    store.put(record)
    damaged(store, change)
    good = result(spec="k-center")
    store.put(good)
    assert list(store.results()) == [good]
    [skipped] = store.skipped
    assert reason in skipped.reason
    assert record.cell.id in skipped.path
    assert not store.of_cell(record.cell.id)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"schema_version": 1, "cell"', "not JSON"),
        (b"\xff\xfe\x00garbage", "not JSON"),
        (b"[1, 2]", "the record"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema_version": 1' + b"0" * 5000 + b"}", "digits"),
        (b'{"schema_version": NaN}', "schema_version"),
    ],
)
def test_bytes_that_are_no_record_are_skipped(store: LocalStore, content: bytes, reason: str) -> None:
    record = result()
    path = store.folder / record.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert list(store.results()) == []
    assert [reason in skipped.reason for skipped in store.skipped] == [True]
    assert not store.of_cell(record.cell.id)


def test_a_wrong_name_is_skipped(store: LocalStore) -> None:
    record = result()
    store.put(record)
    path = store.folder / record.path
    path.rename(path.with_name("0123456789abcdef.json"))
    assert list(store.results()) == []
    assert record.path in store.skipped[0].reason


def test_files_and_folders_elsewhere_are_named(store: LocalStore) -> None:
    record = result()
    store.put(record)
    root = store.folder / "results"
    (root / "notes.txt").write_text("hello")
    (root / "microworld" / "longest" / "stray.json").write_text("{}")
    (store.folder / record.path).parent.joinpath("deeper").mkdir()
    (store.folder / record.path).parent.joinpath("deeper", "x.json").write_text("{}")
    (store.folder / record.path).parent.joinpath(".x.json.abc.part").write_text("half")
    assert list(store.results()) == [record]
    assert len(store.skipped) == 3
    assert {skipped.reason for skipped in store.skipped} == {"no record lies at this depth"}


def test_a_file_of_monstrous_size_is_not_read(store: LocalStore) -> None:
    path = store.folder / result().path
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(2**33)
    assert list(store.results()) == []
    assert "larger than" in store.skipped[0].reason


def test_a_named_pipe_does_not_hang_the_reader(store: LocalStore) -> None:
    path = store.folder / result().path
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert list(store.results()) == []
    assert store.skipped[0].reason == "not a regular file"


def test_a_damaged_record_is_written_again(store: LocalStore) -> None:
    record = result()
    store.put(record)
    (store.folder / record.path).write_bytes(b"torn")
    store.put(record)
    assert list(store.results()) == [record]


def test_many_writers_of_one_record_leave_one_file(store: LocalStore) -> None:
    record = result()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: store.put(record), range(32))) == {record.path}
    assert files(store) == [record.path]


@pytest.mark.parametrize(("code", "message"), [(errno.EACCES, "No permission"), (errno.ENOSPC, "disk is full")])
def test_a_write_that_fails_is_one_clear_error_and_leaves_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=message):
        store.put(result())
    assert files(store) == []


def test_a_place_that_is_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        LocalStore(tmp_path / "file")


@pytest.mark.parametrize("url", ["file:{}", "file://{}"])
def test_file_urls(url: str, tmp_path: Path) -> None:
    store = open_store(url.format(tmp_path / "a store"))
    assert isinstance(store, LocalStore)
    assert store.folder == tmp_path / "a store"
    store.put(result())
    assert len(list(open_store(store.url).results())) == 1


def test_a_relative_url_starts_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("file:mine").url == f"file:{tmp_path / 'mine'}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hf://datasets/a/b", "file: stores only"),
        ("results", "file:results"),
        ("", "file:my-results"),
        ("file:", "no store URL"),
        ("file://host/x", "another machine"),
        ("s3://bucket", "no store URL"),
    ],
)
def test_other_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        open_store(url)


def test_a_record_is_what_the_model_says(store: LocalStore) -> None:
    record = result()
    store.put(record)
    assert Result.model_validate_json((store.folder / record.path).read_bytes()) == record
