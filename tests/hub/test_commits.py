"""Batches, waits and limits: what a thousand results come to, and how patience grows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from factories import result, task
from hub.fake_hub import FakeHub
from hypothesis import given
from hypothesis import strategies as st

from suite.stores.aggregates import publish_tables
from suite.stores.hub import store as hub_store_module
from suite.stores.hub.commits import BYTES_A_COMMIT, FILES_A_COMMIT, batches
from suite.stores.hub.patience import Patience
from suite.stores.hub.store import HubStore
from suite.stores.hub.troubles import Trouble

LARGE = BYTES_A_COMMIT


@given(st.lists(st.sampled_from([0, 1, LARGE // 90, LARGE // 2, LARGE, 2 * LARGE]), max_size=250))
def test_batches_hold_everything_once_in_order_and_within_the_limits(sizes: list[int]) -> None:
    named = {f"f{number}": size for number, size in enumerate(sizes)}
    found = list(batches(named))
    assert [path for batch in found for path in batch] == list(named)
    for batch in found:
        assert 0 < len(batch) <= FILES_A_COMMIT
        assert len(batch) == 1 or sum(named[path] for path in batch) <= BYTES_A_COMMIT


@given(st.integers(0, 60), st.booleans(), st.none() | st.floats(0, 1e4))
def test_waits_grow_within_bounds_and_are_as_long_as_asked(attempt: int, conflict: bool, asked: float | None) -> None:
    patience = Patience()
    wait = patience.wait(attempt, Trouble("", passing=True, conflict=conflict, asked_wait=asked))
    assert wait >= (asked or 0.0)
    assert 0 < wait <= max(patience.longest_wait, asked or 0.0)
    if attempt >= 8 and not asked:
        assert wait >= patience.longest_wait / 2


def test_a_thousand_results_take_at_most_twelve_commits(pointed: FakeHub) -> None:
    packed = task([1.0, 0.0])
    records = [result([packed], spec=spec, training_seed=seed) for spec in ("longest", "random") for seed in range(500)]
    store = HubStore("org/results")
    for record in records:
        # Without `put`, which waits for the disk a thousand times.
        for target in (store.spool.folder / record.path.replace("/", "~"), store.folder / record.path):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(record.to_json())
    assert store.publish() == 1000
    tables = {"leaderboard/microworld.parquet": b"PAR1", "correlations/microworld.json": b"{}"}
    assert publish_tables(store, "microworld", lambda: tables) == sorted(tables)
    repository = pointed.repositories["datasets", "org/results"]
    history = repository.head.history()[::-1]
    added = [len(after.tree.keys() - before.tree.keys()) for before, after in itertools.pairwise(history)]
    assert added == [100] * 10 + [2]
    assert {record.path for record in records} <= repository.files.keys()
    assert len(pointed.asked("/commit/")) == 11


def test_a_folder_that_would_be_too_full_is_held_back(pointed: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_store_module, "LARGEST_FOLDER", 3)
    store = HubStore("org/results")
    store.put_many([result(training_seed=seed) for seed in range(3)])
    assert store.publish() == 3
    store.put(result(training_seed=3))
    store.put(result(spec="random"))
    assert store.publish() == 1
    [held] = store.held_back
    assert "more than 3 entries" in held.reason
    assert store.waiting() == 1


def test_tables_come_from_what_the_other_publisher_has_brought_too(pointed: FakeHub, tmp_path: Path) -> None:
    mine, theirs = HubStore("org/results", base=tmp_path / "a"), HubStore("org/results", base=tmp_path / "b")
    mine.put(result(training_seed=0))
    mine.publish()
    asked: list[int] = []

    def count() -> dict[str, bytes]:
        found = len(list(mine.results("microworld")))
        asked.append(found)
        if len(asked) == 1:
            # The other one publishes a result and its table between our reading and our writing.
            theirs.put(result(training_seed=1))
            theirs.publish()
            theirs.write({"leaderboard/microworld.json": b"2 by the other"})
        return {"leaderboard/microworld.json": str(found).encode()}

    assert publish_tables(mine, "microworld", count) == ["leaderboard/microworld.json"]
    assert asked == [1, 2]
    assert pointed.repositories["datasets", "org/results"].files["leaderboard/microworld.json"] == b"2"
    assert publish_tables(mine, "microworld", count) == []
