"""Mirroring: only what changed is fetched, a mirror that broke off is gone on with, nothing leaves its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import result
from hub.fake_hub import FakeHub
from hub.fake_repository import Repository

from suite.errors import HubUnavailable, StoreError
from suite.stores import LocalStore
from suite.stores.hub.mirror import fetch_file, mirror
from suite.stores.hub.patience import Patience
from suite.stores.hub.repository import HubRepository

RECORDS = [result(training_seed=seed) for seed in range(6)]
HASTY = Patience(attempts=2, pause=lambda seconds: None)


@pytest.fixture
def repository(pointed: FakeHub) -> Repository:
    filled = pointed.repositories["datasets", "org/results"]
    for record in RECORDS:
        filled.put(record.path, record.to_json().encode())
    filled.put("leaderboard/microworld.parquet", b"PAR1" * 50, lfs=True)
    return filled


@pytest.fixture
def client(pointed: FakeHub) -> HubRepository:
    return HubRepository("org/results")


def downloads(hub: FakeHub) -> int:
    return len([request for request in hub.asked("GET /") if "/resolve/" in request or "/storage/" in request])


def test_a_mirror_is_the_repository(client: HubRepository, repository: Repository, tmp_path: Path) -> None:
    state = mirror(client, tmp_path / "m")
    store = LocalStore(tmp_path / "m")
    assert {path: (store.folder / path).read_bytes() for path in store.paths()} == repository.files
    assert list(store.results()) == sorted(RECORDS, key=lambda record: record.path)
    assert (state.fetched, state.removed, state.refused) == (7, 0, [])
    assert state.commit == repository.head.oid
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".incoming")]


def test_only_what_changed_is_fetched(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    mirror(client, tmp_path)
    before = len(pointed.requests)
    mirror(client, tmp_path)
    assert len(pointed.requests) == before + 1
    fetched = downloads(pointed)
    repository.put("leaderboard/microworld.parquet", b"PAR1" * 60, lfs=True)
    repository.put("README.md", b"new")
    repository.remove(RECORDS[0].path)
    (tmp_path / "my-own.txt").write_text("stays")
    state = mirror(client, tmp_path)
    assert (state.fetched, state.removed) == (2, 1)
    assert downloads(pointed) == fetched + 2
    assert LocalStore(tmp_path).paths() == sorted([*repository.files, "my-own.txt"])


def test_a_mirror_that_broke_off_is_gone_on_with(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    pointed.fail(f"GET /.*{RECORDS[3].record_id}", status=503, times=100)
    with pytest.raises(HubUnavailable, match="503"):
        mirror(client, tmp_path, patience=HASTY)
    arrived = set(LocalStore(tmp_path).paths())
    assert RECORDS[3].path not in arrived
    pointed.faults.clear()
    state = mirror(client, tmp_path)
    assert state.fetched == 7 - len(arrived)
    assert LocalStore(tmp_path).paths() == sorted(repository.files)


def test_a_folder_without_its_note_is_compared_and_not_fetched_again(
    client: HubRepository, repository: Repository, tmp_path: Path
) -> None:
    mirror(client, tmp_path)
    (tmp_path / ".mirror.json").write_text("{torn")
    assert mirror(client, tmp_path).fetched == 0


def test_what_was_damaged_here_is_mended_when_verified(
    client: HubRepository, repository: Repository, tmp_path: Path
) -> None:
    mirror(client, tmp_path)
    size = (tmp_path / RECORDS[2].path).stat().st_size
    (tmp_path / RECORDS[2].path).write_bytes(b"x" * size)
    assert mirror(client, tmp_path, verify=True).fetched == 1
    assert (tmp_path / RECORDS[2].path).read_text() == RECORDS[2].to_json()


def test_a_download_that_is_cut_off_arrives_whole(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    pointed.fail(f"GET /.*{RECORDS[1].record_id}", cut=100)
    mirror(client, tmp_path)
    assert (tmp_path / RECORDS[1].path).read_text() == RECORDS[1].to_json()


@pytest.mark.parametrize("lost", ["/tree/", "/revision/|/datasets/org/results ", "HEAD /"])
def test_passing_errors_of_any_call_are_waited_out(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path, lost: str
) -> None:
    pointed.fail(lost, status=502)
    assert mirror(client, tmp_path, patience=HASTY).fetched == 7


def test_names_that_climb_out_are_refused_and_listed(
    client: HubRepository, repository: Repository, tmp_path: Path
) -> None:
    for path in ("../evil", "results/../../evil", "a/./b", "c:\\evil", "a\\..\\evil", "x" * 500):
        repository.put(path, b"evil")
    repository.put(".github/workflows/x.yml", b"hidden")
    folder = tmp_path / "deep" / "mirror"
    state = mirror(client, folder)
    assert len(state.refused) == 6
    assert {file.reason for file in state.refused} == {"its name is not safe to write on every platform"}
    assert LocalStore(folder).paths() == sorted(
        [*(record.path for record in RECORDS), "leaderboard/microworld.parquet"]
    )
    assert not list(tmp_path.rglob("*evil*"))
    assert mirror(client, folder).refused == state.refused


def test_a_long_listing_is_read_to_its_end(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    pointed.page_size = 3
    assert mirror(client, tmp_path).fetched == 7


def test_a_mirror_of_some_folders_asks_for_nothing_else(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    state = mirror(client, tmp_path, folders=("leaderboard", "no-such-folder"))
    assert LocalStore(tmp_path).paths() == ["leaderboard/microworld.parquet"]
    assert (state.fetched, downloads(pointed)) == (1, 1)
    repository.put(RECORDS[0].path, RECORDS[0].to_json().encode() + b" ")
    assert mirror(client, tmp_path, folders=("leaderboard", "no-such-folder")).fetched == 0


def test_one_file_is_fetched_beside_the_mirror(
    client: HubRepository, repository: Repository, pointed: FakeHub, tmp_path: Path
) -> None:
    state = mirror(client, tmp_path, folders=("leaderboard",))
    fetch_file(client, tmp_path, RECORDS[2].path, state.commit, HASTY)
    assert (tmp_path / RECORDS[2].path).read_text() == RECORDS[2].to_json()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".fetching")]
    with pytest.raises(StoreError, match="There is no"):
        fetch_file(client, tmp_path, "results/none.json", state.commit, HASTY)
    # It is none of the mirror's, and stays when that goes on.
    repository.put("leaderboard/microworld.json", b"{}")
    assert mirror(client, tmp_path, folders=("leaderboard",)).removed == 0
    assert (tmp_path / RECORDS[2].path).is_file()


def test_an_outcome_of_a_study_made_here_is_not_overwritten(
    client: HubRepository, repository: Repository, tmp_path: Path
) -> None:
    path = "studies/microworld/ladder.json"
    repository.put(path, b"published")
    mirror(client, tmp_path)
    assert (tmp_path / path).read_bytes() == b"published"
    repository.put(path, b"published anew")
    mirror(client, tmp_path)
    assert (tmp_path / path).read_bytes() == b"published anew"
    (tmp_path / path).write_bytes(b"made here")
    repository.put("README.md", b"another commit")
    mirror(client, tmp_path)
    assert (tmp_path / path).read_bytes() == b"made here"
