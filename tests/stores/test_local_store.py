"""What only a store in a folder meets: odd files, failing disks, and the URLs that name stores."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from factories import result

from suite.errors import StorageError, StoreError
from suite.stores import LocalStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_unfinished_writes_are_no_files_of_the_store(store: LocalStore) -> None:
    record = result()
    store.put(record)
    (store.folder / record.path).with_name(".x.json.abc.part").write_text("half")
    assert list(store.results()) == [record]
    assert store.skipped == []
    assert store.paths() == [record.path]


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


@pytest.mark.parametrize(("code", "message"), [(errno.EACCES, "No permission"), (errno.ENOSPC, "disk is full")])
def test_a_write_that_fails_is_one_clear_error_and_leaves_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=message):
        store.put(result())
    assert store.paths() == []


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
        ("hf://a/b", "hf://datasets/ORG/NAME"),
        ("hf://datasets/a", "hf://datasets/ORG/NAME"),
        ("hf://models/a/b", "hf://datasets/ORG/NAME"),
        ("hf:datasets/a/b", "hf://datasets/ORG/NAME"),
        ("hf://datasets/a/..", "hf://datasets/ORG/NAME"),
        ("hf://datasets/../a", "hf://datasets/ORG/NAME"),
        ("hf://datasets/a/b@main", "branch"),
        ("hf://datasets/a/b/c", "folder"),
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
