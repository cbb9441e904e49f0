"""What the page is given of a store on the Hub: its tables, single results on demand, and the truth about outages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from factories import experiment
from hub.fake_hub import FakeHub
from hub.fake_repository import Repository
from hub.pointing import sign_in
from reports import of_track, stored
from shown import COMMITTED, Choice, only

from leaderboard.source import Source
from suite.boards import track_files
from suite.errors import HubUnavailable, StoreError
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable
from suite.track import load_track

TRACK = load_track("microworld")
URL = "hf://datasets/org/results"
RESULTS = of_track(experiment({"k-center": 0.2}, items=40), TRACK)


@pytest.fixture
def repository(pointed: FakeHub, tmp_path: Path) -> Repository:
    """A published store with its results, tables and kept studies."""
    filled = pointed.repositories["datasets", "org/results"]
    store = stored(tmp_path / "mine", RESULTS)
    (store.folder / "studies").mkdir()
    shutil.copytree(COMMITTED / "studies" / "microworld", store.folder / "studies" / "microworld")
    for path, content in track_files(TRACK, store).items():
        filled.put(path, content, lfs=path.endswith(".parquet"))
    for result in RESULTS:
        filled.put(result.path, result.to_json().encode())
    return filled


def fetched(hub: FakeHub, word: str) -> int:
    return len([request for request in hub.asked("GET /") if "/resolve/" in request and word in request])


def test_a_table_is_shown_without_a_single_result(repository: Repository, pointed: FakeHub) -> None:
    source = Source(URL)
    source.refresh()
    snapshot = source.snapshot()
    data = only(snapshot)
    assert (snapshot.trouble, snapshot.problems) == (None, ())
    assert snapshot.as_of is not None
    assert data.board.results == len(data.cells) == len(RESULTS)
    narrow = data.table(Choice(tasks=("exact-0",)))
    assert narrow is not None
    assert not narrow.withheld
    assert fetched(pointed, "results/microworld") == 0
    assert not [request for request in pointed.requests if "/tree/" in request and "results/microworld" in request]
    ladder, _ = data.kept("ladder", LadderTable)
    assert ladder == read_kept(COMMITTED, "microworld", "ladder", LadderTable)


def test_a_result_is_fetched_once_when_it_is_asked_for(repository: Repository, pointed: FakeHub) -> None:
    source = Source(URL)
    source.refresh()
    data = only(source.snapshot())
    assert data.result(RESULTS[3].path) == RESULTS[3]
    assert data.result(RESULTS[3].path) == RESULTS[3]
    assert fetched(pointed, RESULTS[3].record_id) == 1
    assert fetched(pointed, "results/microworld") == 1
    with pytest.raises(StoreError, match="There is no results/microworld"):
        data.result(RESULTS[3].path.replace(RESULTS[3].record_id, "0" * 16))
    source.refresh()
    assert only(source.snapshot()) is data


def test_what_was_last_good_stays_while_the_hub_is_away(repository: Repository, pointed: FakeHub) -> None:
    source = Source(URL)
    source.refresh()
    good = source.snapshot()
    pointed.fail("GET /", status=503, times=1000)
    pointed.fail("POST /", status=503, times=1000)
    source.refresh()
    snapshot = source.snapshot()
    assert "does not work at present" in (snapshot.trouble or "")
    assert only(snapshot) is only(good)
    assert snapshot.as_of == good.as_of
    with pytest.raises(HubUnavailable):
        only(snapshot).result(RESULTS[0].path)
    again = Source(URL)
    again.refresh()
    assert only(again.snapshot()).board.results == len(RESULTS)
    assert again.snapshot().as_of == good.as_of


def test_a_new_publication_is_seen(repository: Repository, tmp_path: Path) -> None:
    source = Source(URL)
    source.refresh()
    more = of_track(experiment({"k-center": 0.2, "longest": 0.1}, items=40), TRACK)
    for path, content in track_files(TRACK, stored(tmp_path / "more", more)).items():
        repository.put(path, content, lfs=path.endswith(".parquet"))
    source.refresh()
    assert only(source.snapshot()).board.results == len(more)


def test_a_damaged_table_is_listed_and_the_last_good_one_stays(repository: Repository) -> None:
    source = Source(URL)
    source.refresh()
    repository.put("leaderboard/microworld.parquet", b"PAR1 torn")
    source.refresh()
    snapshot = source.snapshot()
    assert only(snapshot).board.results == len(RESULTS)
    assert "damaged" in snapshot.problems[0].reason


def test_a_repository_without_tables_or_without_access_is_said(
    pointed: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(URL)
    source.refresh()
    assert "no tables yet" in (source.snapshot().trouble or "")
    missing = Source("hf://datasets/org/no-such")
    missing.refresh()
    assert "There is no hf://datasets/org/no-such" in (missing.snapshot().trouble or "")
    pointed.create("org/secret", private=True)
    sign_in(None, monkeypatch)
    private = Source("hf://datasets/org/secret")
    private.refresh()
    assert "private" in (private.snapshot().trouble or "")
    assert not private.snapshot().tracks
