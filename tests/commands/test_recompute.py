"""`breadth recompute`: the tables a page reads, rebuilt from a store's raw values, one score version a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest
from factories import experiment, sha
from typer.testing import CliRunner

from suite.aggregate import Board, PluginFacts, Registration, score_v1, versions
from suite.commands.main import application
from suite.errors import StoreError, UnknownNameError
from suite.results import Result
from suite.stores import LocalStore
from suite.track import load_track

TRACK = load_track("microworld")


def of_track(results: list[Result], **hashes: str) -> list[Result]:
    changes = {"track_identity": TRACK.identity, "base_model": TRACK.base_models[0].name}
    return [
        record.model_copy(
            update={
                "cell": record.cell.model_copy(update=changes),
                "hashes": record.hashes.model_copy(update=hashes),
            }
        )
        for record in results
    ]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "store")
    for record in of_track(experiment({"k-center": 0.2, "longest": 0.0})):
        store.put(record)
    return store


def recompute(store: LocalStore, *arguments: str) -> str:
    outcome = CliRunner().invoke(application(), ["recompute", "--store", store.url, *arguments], catch_exceptions=False)
    assert outcome.exit_code == 0
    return outcome.stdout


def written(store: LocalStore) -> tuple[list[dict[str, object]], dict[str, object]]:
    table = pyarrow.parquet.read_table(store.folder / "leaderboard" / "microworld.parquet")
    facts = json.loads((store.folder / "leaderboard" / "microworld.json").read_text())
    return table.to_pylist(), facts


def test_rows_and_facts_are_those_of_the_board(store: LocalStore) -> None:
    assert "5 rows in 1 table" in recompute(store)
    rows, facts = written(store)
    board = score_v1(store.results(), Registration.of(TRACK))
    [table] = board.tables
    assert [row["strategy"] for row in rows] == [row.spec for row in table.rows]
    for row, source in zip(rows, table.rows, strict=True):
        assert row["score_mean"] == (source.score and source.score.mean)
        assert (row["rank"], row["rank_low"], row["p_best"]) == (source.rank, source.rank_low, source.p_best)
        assert row["pool"] == sha("pool")
    assert facts["score_version"] == "score_v1"
    assert facts["registration"]["training_seeds"] == [0, 1, 2]  # type: ignore[index]
    assert facts["set_aside"] == {}
    [described] = facts["tables"]  # type: ignore[misc]
    assert described["rows"] == len(rows)
    assert [task["enters"] for task in described["tasks"]] == [True, True]
    assert described["power"]["seeds"] == 3


def test_it_is_repeatable_and_leaves_the_results_alone(store: LocalStore) -> None:
    before = sorted(path.name for path in (store.folder / "results").rglob("*.json"))
    recompute(store, "--score", "score_v1")
    first = [path.read_bytes() for path in sorted((store.folder / "leaderboard").iterdir())]
    recompute(store)
    assert [path.read_bytes() for path in sorted((store.folder / "leaderboard").iterdir())] == first
    assert sorted(path.name for path in (store.folder / "results").rglob("*.json")) == before
    assert list(store.results())
    assert not store.skipped


@pytest.mark.parametrize("other", ["pool", "base_weights"])
def test_other_pools_and_weights_are_tables_of_their_own(store: LocalStore, other: str) -> None:
    for record in of_track(experiment({"k-center": 0.1}), **{other: sha("another")}):
        store.put(record)
    assert "in 2 tables" in recompute(store)
    rows, facts = written(store)
    assert len(facts["tables"]) == 2  # type: ignore[arg-type]
    for number in (0, 1):
        mine = [row for row in rows if row["table"] == number]
        assert len({(row["pool"], row["base_weights"], row["score_version"]) for row in mine}) == 1
        assert len({row["strategy"] for row in mine}) == len(mine)


def test_one_file_holds_one_score_version(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def halved(
        results: Iterable[Result], registration: Registration, plugins: Mapping[str, PluginFacts] | None = None
    ) -> Board:
        board = score_v1(results, registration, plugins)
        tables = tuple(replace(table, rows=table.rows[:2]) for table in board.tables)
        return replace(board, score_version="score_half", tables=tables)

    recompute(store)
    monkeypatch.setitem(versions.SCORES, "score_half", halved)
    assert recompute(store, "--score", "score_half").startswith("score_half of ")
    rows, facts = written(store)
    assert {row["score_version"] for row in rows} == {"score_half"} == {facts["score_version"]}
    assert len(rows) == 2


def test_what_is_wrong_is_one_error(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no score version 'score_v9'.*Known: score_v1"):
        recompute(store, "--score", "score_v9")
    with pytest.raises(StoreError, match="no results of track microworld"):
        recompute(LocalStore(tmp_path / "empty"))
    assert not (tmp_path / "empty").exists()
