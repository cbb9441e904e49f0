"""`breadth push` and `breadth pull` as their users meet them, and `breadth board` on a store on the Hub."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from factories import experiment, result
from hub.fake_hub import FakeHub
from hub.fake_repository import Repository
from hub.pointing import sign_in
from typer.testing import CliRunner, Result

from suite.commands.main import application
from suite.errors import BreadthError, HubRefused, HubUnavailable, StoreError, UsageError
from suite.stores import LocalStore
from suite.stores.hub.store import HubStore
from suite.track import load_track

URL = "hf://datasets/org/results"


@pytest.fixture
def repository(pointed: FakeHub) -> Repository:
    return pointed.repositories["datasets", "org/results"]


@pytest.fixture
def mine(tmp_path: Path) -> LocalStore:
    """A local store with three results and kept correlations."""
    store = LocalStore(tmp_path / "mine")
    track = load_track("microworld")
    facts = {"track_identity": track.identity, "base_model": track.base_models[0].name}
    store.put_many(result(training_seed=seed, **facts) for seed in track.seeds.training[:3])
    kept = store.folder / "studies" / "microworld" / "correlate.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"schema_version": 1}\n')
    return store


def breadth(*arguments: str) -> Result:
    return CliRunner().invoke(application(), list(arguments), catch_exceptions=False)


def test_a_push_drains_every_spool(repository: Repository, pointed: FakeHub) -> None:
    pointed.create("org/other")
    for name, seeds in (("org/results", (0, 1)), ("org/other", (2,))):
        HubStore(name).put_many(result(training_seed=seed) for seed in seeds)
    announced = breadth("push", "--dry-run").stdout
    assert f"2 results wait for {URL}" in announced
    assert "1 results wait for hf://datasets/org/other" in announced
    assert repository.files == {}
    done = breadth("push")
    assert done.exit_code == 0
    assert f"Published to {URL}: 2 results, and leaderboard/microworld.cells.parquet" in done.stdout
    assert "Published to hf://datasets/org/other: 1 result, and" in done.stdout
    assert len([path for path in repository.files if path.startswith("results/")]) == 2
    assert len(repository.head.history()) == 3
    assert "Nothing waits" in breadth("push").stdout
    assert f"{URL} has everything" in breadth("push", "--store", URL).stdout


def test_a_local_store_goes_up_with_its_tables(repository: Repository, mine: LocalStore) -> None:
    (mine.folder / "results" / "notes.txt").write_text("hello")
    done = breadth("push", "--store", URL, "--from", mine.url)
    assert "3 results, and correlations/microworld.json, leaderboard/microworld.cells.parquet" in done.stdout
    assert "notes.txt" in done.stderr
    assert repository.files["correlations/microworld.json"] == b'{"schema_version": 1}\n'
    rows = pyarrow.parquet.read_table(io.BytesIO(repository.files["leaderboard/microworld.parquet"])).to_pylist()
    assert [row["strategy"] for row in rows] == ["longest"]
    assert json.loads(repository.files["leaderboard/microworld.json"])["results"] == 3
    assert len(repository.files) == 9
    commits = len(repository.head.history())
    assert f"{URL} has everything" in breadth("push", "--store", URL, "--from", mine.url).stdout
    assert len(repository.head.history()) == commits


def test_a_push_can_create_the_repository(pointed: FakeHub, mine: LocalStore) -> None:
    new = "hf://datasets/org/new"
    with pytest.raises(HubUnavailable):
        breadth("push", "--store", new, "--from", mine.url)
    done = breadth("push", "--store", new, "--create", "--private")
    assert "3 results" in done.stdout
    assert pointed.repositories["datasets", "org/new"].private


def test_a_push_that_fails_says_where_the_results_wait(
    repository: Repository, pointed: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    store = HubStore("org/results")
    store.put(result())
    pointed.fail("POST .*/commit/", status=403, message="no")
    outcome = CliRunner().invoke(application(), ["push"])
    assert isinstance(outcome.exception, HubUnavailable)
    assert "write access" in outcome.stdout
    assert f"1 result wait in {store.spool.folder}" in outcome.stdout
    assert f"breadth push --store {URL}" in outcome.stdout
    assert "hf_worker" not in outcome.output + str(outcome.exception)
    assert "Published" in breadth("push").stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["push", "--from", "file:x"], UsageError, "need --store"),
        (["push", "--private"], UsageError, "needs --create"),
        (["push", "--track", "x"], UsageError, "--from"),
        (["push", "--store", "file:x"], StoreError, "hf://datasets/ORG/NAME"),
        (["pull", "file:x"], StoreError, "hf://datasets/ORG/NAME"),
        (["pull", "hf://datasets/org/absent"], HubRefused, "may not see it"),
    ],
)
def test_what_is_wrong_is_one_error(
    pointed: FakeHub, arguments: list[str], error: type[BreadthError], message: str
) -> None:
    with pytest.raises(error, match=message):
        breadth(*arguments)


def test_a_pull_makes_a_local_store(repository: Repository, mine: LocalStore, tmp_path: Path) -> None:
    breadth("push", "--store", URL, "--from", mine.url)
    repository.put("results/../evil", b"")
    folder = tmp_path / "pulled"
    done = breadth("pull", URL, "--to", str(folder))
    assert "9 files fetched, 0 were there, 0 removed" in done.stdout
    assert "not fetched: results/../evil" in done.stdout
    assert f"file:{folder}" in done.stdout
    pulled = LocalStore(folder)
    assert list(pulled.results()) == list(mine.results())
    assert "0 files fetched, 9 were there" in breadth("pull", URL, "--to", str(folder)).stdout
    assert "9 files" not in breadth("pull", URL).stdout


def test_the_board_reads_the_hub_and_says_when_it_could_not(
    repository: Repository, pointed: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = load_track("alpaca-cpu")
    changes = {"track": track.name, "track_identity": track.identity, "base_model": track.base_models[0].name}
    for record in experiment({"longest": 0.2}, seeds=3, draws=5):
        moved = record.model_copy(update={"cell": record.cell.model_copy(update=changes)})
        repository.put(moved.path, moved.to_json().encode())
    board = ["board", "--track", "alpaca-cpu", "--store", URL, "--format", "json"]
    fresh = breadth(*board)
    specs = {row["spec"] for row in json.loads(fresh.stdout)["tables"][0]["rows"]}
    assert {"longest", "random"} <= specs
    assert fresh.stderr == ""
    pointed.stop()
    stale = breadth(*board)
    assert stale.stdout == fresh.stdout
    assert "cannot be reached" in stale.stderr
    assert "as of 20" in stale.stderr
    with pytest.raises(StoreError, match=r"holds no results.*cannot be reached"):
        breadth("board", "--track", "alpaca-cpu", "--store", "hf://datasets/org/unseen")
    pointed.start()
    sign_in("hf_wrong", monkeypatch)
    assert "hf auth login" in breadth(*board).stderr


@pytest.mark.parametrize("command", ["push", "pull"])
def test_the_help_teaches_by_example(command: str) -> None:
    outcome = CliRunner().invoke(application(), [command, "--help"])
    assert outcome.exit_code == 0
    assert f"breadth {command} " in outcome.stdout
