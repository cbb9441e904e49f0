"""What the page is given of a local store, whatever lies in it, and that nothing of it stops the page."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from factories import experiment, result, task
from reports import of_track, stored
from sent import TOML
from shown import COMMITTED, Choice, only

from leaderboard.snapshot import Snapshot
from leaderboard.source import Source
from leaderboard.track_data import TrackData
from suite.boards import load_board, prepare
from suite.errors import StoreError
from suite.intake.record import SubmissionRecord, write_record
from suite.intake.submission import Submission
from suite.results import Result
from suite.stores import LocalStore
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable
from suite.track import load_track

TRACK = load_track("microworld")


def records(effects: dict[str, float] | None = None) -> list[Result]:
    return of_track(experiment(effects or {"k-center": 0.2, "longest": 0.0}, items=40), TRACK)


def prepared(folder: Path, results: list[Result]) -> LocalStore:
    store = stored(folder, results)
    store.write(prepare(TRACK, store)[1])
    return store


def looked(url: str) -> Snapshot:
    source = Source(url)
    source.start()
    source.stop()
    return source.snapshot()


@pytest.fixture
def no_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepared tables must do: nothing may be scored."""

    def refused(*arguments: object) -> TrackData:
        raise AssertionError("scored although its tables are as new as its results")

    monkeypatch.setattr("leaderboard.local_reader.compute_track", refused)


@pytest.mark.usefixtures("no_scoring")
def test_prepared_tables_are_the_board(tmp_path: Path) -> None:
    store = prepared(tmp_path, records())
    snapshot = looked(store.url)
    data = only(snapshot)
    assert repr(data.board) == repr(load_board(TRACK, store))
    assert (snapshot.trouble, snapshot.problems, snapshot.url) == (None, (), store.url)
    assert snapshot.as_of is not None
    assert (data.name, data.title, data.track) == (TRACK.name, TRACK.title, TRACK)
    assert len(data.cells) == len(records())
    table = data.table(Choice())
    assert table == data.board.tables[0]
    assert data.table(Choice(budget=7)) is None
    assert data.table(Choice(base_model="none")) is None
    narrow = data.table(Choice(tasks=("exact-0", "no-such-task")))
    assert narrow is not None
    assert [one.name for one in narrow.tasks] == ["exact-0"]
    assert any(row.rank_low for row in narrow.rows)
    assert data.table(Choice(tasks=("exact-0",))) is narrow


def test_results_without_tables_are_scored_by_a_process_of_their_own(tmp_path: Path) -> None:
    store = stored(tmp_path, records())
    snapshot = looked(store.url)
    assert snapshot.trouble is None
    assert repr(only(snapshot).board) == repr(load_board(TRACK, store))
    narrow = only(snapshot).table(Choice(tasks=("exact-0",)))
    assert narrow is not None
    assert not narrow.withheld
    assert not (tmp_path / "leaderboard").exists()


def test_tables_older_than_the_results_are_not_trusted(tmp_path: Path) -> None:
    store = prepared(tmp_path, records({"k-center": 0.2}))
    before = only(looked(store.url))
    for record in records({"k-center": 0.2, "longest": 0.0}):
        store.put(record)
    after = only(looked(store.url))
    assert len(after.board.tables[0].rows) == len(before.board.tables[0].rows) + 1


def test_tables_older_than_a_submissions_version_are_not_trusted(tmp_path: Path) -> None:
    """A record that names other picks changes what counts, though no result came or went."""
    made = of_track(experiment({"k-center": 0.2, "my-method": 0.1}, items=40), TRACK)
    [picks] = {one.hashes.selection for one in made if one.cell.strategy == "my-method"}
    store = prepared(tmp_path, made)
    for named, counting in ((str(picks), True), ("f" * 64, False)):
        write_record(store, submission_record({TRACK.name: {500: (named,)}}))
        shown = {row.spec for row in only(looked(store.url)).board.tables[0].rows}
        assert ("my-method" in shown) == counting
        assert "k-center" in shown
        store.write(prepare(TRACK, store)[1])
        assert {row.spec for row in only(looked(store.url)).board.tables[0].rows} == shown


def submission_record(picks: dict[str, dict[int, tuple[str, ...]]]) -> SubmissionRecord:
    submission = Submission.model_validate(tomllib.loads(TOML) | {"name": "my-method"})
    return SubmissionRecord(
        kind="index-only",
        author="ada",
        request="0" * 16,
        content_sha256="0" * 64,
        submission=submission,
        selection="given",
        picks=picks,
    )


@pytest.mark.usefixtures("no_scoring")
def test_what_changes_is_seen_and_what_does_not_stays(tmp_path: Path) -> None:
    store = prepared(tmp_path, records({"k-center": 0.2}))
    source = Source(store.url)
    source.refresh()
    first = only(source.snapshot())
    source.refresh()
    assert only(source.snapshot()) is first
    for record in records({"longest": 0.0}):
        store.put(record)
    store.write(prepare(TRACK, store)[1])
    source.refresh()
    second = source.snapshot()
    assert only(second).board.results > first.board.results
    shutil.rmtree(tmp_path)
    source.refresh()
    # A disk that is away for a while does not empty the page.
    assert only(source.snapshot()) is only(second)
    assert source.snapshot().as_of == second.as_of
    assert "no folder" in (source.snapshot().trouble or "")
    tmp_path.mkdir()
    source.refresh()
    assert not source.snapshot().tracks
    assert "no results" in (source.snapshot().trouble or "")


def test_a_thread_looks_again_and_again(tmp_path: Path) -> None:
    source = Source(f"file:{tmp_path / 'store'}", seconds=0.05)
    source.start()
    try:
        assert "no folder" in (source.snapshot().trouble or "")
        prepared(tmp_path / "store", records({"k-center": 0.2}))
        seen = threading.Event()
        for _ in range(600):
            if source.snapshot().tracks or seen.wait(0.05):
                break
        assert only(source.snapshot()).board.results
    finally:
        source.stop()


@pytest.mark.parametrize(
    ("url", "said"),
    [("nonsense", "no store URL"), ("file:{tmp}/nothing", "no folder"), ("file:{tmp}/a-file", "a file")],
)
def test_what_is_no_store_is_said(tmp_path: Path, url: str, said: str) -> None:
    (tmp_path / "a-file").write_text("x")
    snapshot = looked(url.format(tmp=tmp_path))
    assert said in (snapshot.trouble or "")
    assert not snapshot.tracks


def test_an_empty_store_is_said(tmp_path: Path) -> None:
    assert "no results yet" in (looked(f"file:{tmp_path}").trouble or "")


def test_damaged_files_are_listed_and_the_rest_is_shown(tmp_path: Path) -> None:
    store = stored(tmp_path, records())
    one, other = records()[3], records()[4]
    (tmp_path / one.path).write_text("{torn")
    (tmp_path / other.path).write_text(other.to_json().replace('"schema_version":', '"schema_version":9'))
    with (tmp_path / records()[5].path).open("wb") as huge:
        huge.truncate(100 * 2**20)
    snapshot = looked(store.url)
    reasons = {file.path: file.reason for file in snapshot.problems}
    assert "not JSON" in reasons[one.path]
    assert "schema version" in reasons[other.path]
    assert "larger than" in reasons[records()[5].path]
    assert only(snapshot).board.results == len(records()) - 3
    with pytest.raises(StoreError, match="larger than 64 MiB"):
        only(snapshot).result(records()[5].path)


@pytest.mark.parametrize("damaged", ["json", "parquet", "cells.parquet"])
def test_damaged_tables_are_made_anew(tmp_path: Path, damaged: str) -> None:
    store = prepared(tmp_path, records())
    (tmp_path / "leaderboard" / f"microworld.{damaged}").write_bytes(b"PAR1 torn")
    snapshot = looked(store.url)
    assert repr(only(snapshot).board) == repr(load_board(TRACK, store))


@pytest.mark.usefixtures("no_scoring")
def test_damaged_moments_cost_narrowing_alone(tmp_path: Path) -> None:
    store = prepared(tmp_path, records())
    (tmp_path / "leaderboard" / "microworld.moments.parquet").write_bytes(b"PAR1 torn")
    snapshot = looked(store.url)
    assert [file.path for file in snapshot.problems] == ["leaderboard/microworld.moments.parquet"]
    assert only(snapshot).table(Choice()) == only(snapshot).board.tables[0]
    narrow = only(snapshot).table(Choice(tasks=("exact-0",)))
    assert narrow is not None
    assert "cannot be narrowed" in narrow.withheld
    assert {row.rank for row in narrow.rows} == {None}


def test_a_track_that_breadth_does_not_know_needs_its_tables(tmp_path: Path) -> None:
    foreign = result([task([1.0])], track="of-a-stranger")
    snapshot = looked(stored(tmp_path, [foreign]).url)
    assert not snapshot.tracks
    assert "breadth recompute" in snapshot.problems[0].reason
    assert "nothing that can be shown" in (snapshot.trouble or "")


@pytest.mark.usefixtures("no_scoring")
def test_results_are_read_when_asked_for_and_nothing_else_is(tmp_path: Path) -> None:
    store = prepared(tmp_path / "store", records())
    (tmp_path / "secret.json").write_text("{}")
    data = only(looked(store.url))
    assert data.result(records()[0].path) == records()[0]
    for path in ("../secret.json", "results/../../secret.json", "/etc/passwd", "leaderboard/microworld.json"):
        with pytest.raises(StoreError):
            data.result(path)
    missing = records()[0].path.replace("results/microworld", "results/alpaca-cpu")
    with pytest.raises(StoreError, match="no record of track microworld"):
        data.result(missing)
    (tmp_path / "store" / records()[1].path).unlink()
    with pytest.raises(StoreError, match="not in this store"):
        data.result(records()[1].path)


def test_kept_studies_are_read_once_and_damage_is_said(tmp_path: Path) -> None:
    shutil.copytree(COMMITTED, tmp_path / "store")
    (tmp_path / "store" / "studies" / "alpaca-cpu" / "ladder.json").write_text("{torn")
    shutil.rmtree(tmp_path / "store" / "results")
    store = LocalStore(tmp_path / "store")
    for name in ("microworld", "alpaca-cpu"):
        original = LocalStore(COMMITTED)
        store.write(prepare(load_track(name), original)[1])
    snapshot = looked(store.url)
    ladder, reason = snapshot.tracks["microworld"].kept("ladder", LadderTable)
    assert ladder == read_kept(COMMITTED, "microworld", "ladder", LadderTable)
    assert reason == ""
    assert snapshot.tracks["microworld"].kept("ladder", LadderTable)[0] is ladder
    nothing, reason = snapshot.tracks["alpaca-cpu"].kept("ladder", LadderTable)
    assert nothing is None
    assert "damaged" in reason
    assert snapshot.tracks["alpaca-cpu"].kept("none", LadderTable) == (None, "")


def test_it_is_light() -> None:
    code = (
        "import sys, leaderboard.source, leaderboard.local_reader\n"
        "heavy = {'torch', 'transformers', 'datasets', 'numba', 'sklearn', 'strategies', 'scipy.stats', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
