"""What every store does, a folder and a repository on the Hub alike: results, other files, and what strangers left."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from factories import result, task
from stores.conftest import Place

from suite.errors import StoreConflict, StoreError
from suite.hashing import canonical_json, content_key
from suite.results import SCHEMA_VERSION, Result
from suite.stores import Skipped, Store, future_schema
from suite.stores.records import LARGEST_RECORD

Settled = Callable[..., Store]


def planted(place: Place, change: Callable[[dict[str, Any]], None]) -> str:
    """Let a stranger place a changed record under the name its content asks for; returns the cell's id."""
    record = result()
    document = record.model_dump(mode="json")
    change(document)
    content = {key: value for key, value in document.items() if key != "cost"}
    folder = record.path.rpartition("/")[0]
    place.plant(f"{folder}/{content_key(content)[:16]}.json", canonical_json(document).encode())
    return record.cell.id


def test_what_is_put_comes_back(place: Place, settled: Settled) -> None:
    one, other = result(), result(spec="k-means:clusters=5", training_seed=1)
    store = settled(one, other)
    assert place.files() == {record.path: record.to_json().encode() for record in (one, other)}
    for reader in (store, place.open()):
        assert list(reader.results("microworld")) == sorted([one, other], key=lambda record: record.path)
        assert reader.skipped == []
        assert reader.trouble is None
        assert reader.as_of is not None
    assert store.of_cell(one.cell.id) == [one]
    assert store.of_cell(result(training_seed=2).cell.id) == []


def test_what_is_put_is_read_at_once(place: Place) -> None:
    store = place.open()
    record = result()
    assert store.put(record) == record.path
    assert list(store.results()) == [record]
    assert store.of_cell(record.cell.id) == [record]


def test_a_batch_keeps_its_order_and_is_read_in_the_order_of_paths(place: Place, settled: Settled) -> None:
    records = [
        result(spec=spec, training_seed=seed) for spec in ("longest", "random", "k-center") for seed in (2, 0, 1)
    ]
    paths = place.open().put_many(records)
    assert paths == [record.path for record in records]
    store = settled()
    assert [record.path for record in store.results()] == sorted(paths)
    assert place.open().put_many([]) == []


def test_equal_content_is_stored_once_with_its_first_cost(place: Place, settled: Settled) -> None:
    first = result(training_seconds=1.0)
    settled(first)
    store = settled(result(training_seconds=9.0))
    assert place.files() == {first.path: first.to_json().encode()}
    assert [record.cost.training_seconds for record in store.results()] == [1.0]


def test_another_content_of_the_same_cell_is_a_second_record(place: Place, settled: Settled) -> None:
    one, other = result([task([1.0, 0.0])]), result([task([0.0, 0.0])])
    store = settled(one, other)
    assert one.cell.id == other.cell.id
    assert len(place.files()) == 2
    assert len(list(store.results())) == 2
    assert store.of_cell(one.cell.id) == sorted([one, other], key=lambda record: record.path)


def test_a_correction_replaces_the_record_it_names(place: Place, settled: Settled) -> None:
    old = result([task([1.0, 0.0])])
    new = result([task([0.0, 0.0])], supersedes=old.record_id)
    store = settled(old, new)
    assert list(store.results()) == [new]
    assert store.superseded == 1
    assert len(place.files()) == 2


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"spec": "k-center"},
        {"spec": "longest:x=1"},
        {"budget": 900},
        {"selection_seed": 1},
        {"training_seed": 1},
        {"base_model": "other"},
    ],
)
def test_a_correction_reaches_no_other_cell(settled: Settled, elsewhere: dict[str, Any]) -> None:
    victim = result(**elsewhere)
    store = settled(victim, result(supersedes=victim.record_id))
    assert victim in list(store.results())
    assert store.superseded == 0


def test_a_corrected_record_is_none_of_its_cell_any_more(settled: Settled) -> None:
    old = result([task([1.0, 0.0])])
    new = result([task([0.0, 0.0])], supersedes=old.record_id)
    assert settled(old, new).of_cell(old.cell.id) == [new]


def test_only_the_asked_track_is_read(settled: Settled) -> None:
    store = settled(result(), result(track="alpaca-cpu"))
    assert [record.cell.track for record in store.results("alpaca-cpu")] == ["alpaca-cpu"]
    assert len(list(store.results())) == 2


def test_an_empty_store_and_an_unknown_track_hold_nothing(place: Place, settled: Settled) -> None:
    assert list(place.open().results()) == []
    store = settled(result())
    assert list(store.results("no-such-track")) == []
    assert store.skipped == []


def bomb(document: dict[str, Any]) -> None:
    packed = zlib.compress(bytes(10**8), 9)
    document["tasks"][0] |= {"values": base64.b64encode(packed).decode(), "mean": 0.0}


def set_values(document: dict[str, Any], values: str) -> None:
    document["tasks"][0]["values"] = values


def set_cell(document: dict[str, Any], **changes: Any) -> None:
    document["cell"] |= changes


NOT_FINITE = base64.b64encode(zlib.compress(np.array([np.nan, 1, 0], "<f4").tobytes())).decode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document.update(schema_version="1"), "schema_version"),
        (lambda document: document.pop("tasks"), "tasks"),
        (lambda document: document.update(extra=1), "extra"),
        (lambda document: document["tasks"].append(document["tasks"][0]), "stands twice"),
        (lambda document: document["cost"].update(training_seconds=-1), "cost.training_seconds"),
        (lambda document: document.update(supersedes="../../x"), "supersedes"),
        (lambda document: set_cell(document, track="../up"), "cell.track"),
        (lambda document: set_cell(document, training_seed=9), "its content belongs at"),
        (lambda document: set_cell(document, spec="random"), "not one of strategy"),
        (lambda document: document["tasks"][0].update(mean=0.9), "is not that of its per-item values"),
        (lambda document: set_values(document, "AAAA"), "damaged"),
        (lambda document: set_values(document, "not base64!"), "damaged"),
        (lambda document: set_values(document, NOT_FINITE), "finite"),
        (bomb, "bytes where"),
    ],
)
def test_a_record_that_is_wrong_is_skipped_with_the_reason(
    place: Place, settled: Settled, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    cell = planted(place, change)
    good = result(spec="k-center")
    store = settled(good)
    assert list(store.results()) == [good]
    [skipped] = store.skipped
    assert reason in skipped.reason
    assert cell in skipped.path
    assert not skipped.future
    assert not store.of_cell(cell)


def test_a_future_schema_is_skipped_and_counted_apart(place: Place, settled: Settled) -> None:
    cell = planted(place, lambda document: document.update(schema_version=SCHEMA_VERSION + 1))
    place.plant("results/microworld/longest/0123456789abcdef/0123456789abcdef.json", b"torn")
    good = result(spec="k-center")
    store = settled(good)
    assert list(store.results()) == [good]
    assert len(store.skipped) == 2
    assert future_schema(store.skipped) == 1
    [future] = [skipped for skipped in store.skipped if skipped.future]
    assert f"schema version {SCHEMA_VERSION + 1}" in future.reason
    assert not store.of_cell(cell)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"schema_version": 1, "cell"', "not JSON"),
        (b"\xff\xfe\x00garbage", "not JSON"),
        (b"[1, 2]", "the record"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema_version": 1' + b"0" * 5000 + b"}", "digits"),
        (b'{"schema_version": NaN}', "NaN"),
    ],
)
def test_bytes_that_are_no_record_are_skipped(place: Place, content: bytes, reason: str) -> None:
    record = result()
    place.plant(record.path, content)
    store = place.open()
    assert list(store.results()) == []
    assert [reason in skipped.reason for skipped in store.skipped] == [True]
    assert not store.of_cell(record.cell.id)


def test_a_wrong_name_is_skipped(place: Place) -> None:
    record = result()
    place.plant(record.path.rpartition("/")[0] + "/0123456789abcdef.json", record.to_json().encode())
    store = place.open()
    assert list(store.results()) == []
    assert record.path in store.skipped[0].reason


def test_files_and_folders_elsewhere_are_named(place: Place, settled: Settled) -> None:
    record = result()
    for path in ("notes.txt", "microworld/longest/stray.json", f"microworld/longest/{record.cell.id}/deeper/x.json"):
        place.plant(f"results/{path}", b"{}")
    store = settled(record)
    assert list(store.results()) == [record]
    assert len(store.skipped) == 3
    assert {skipped.reason for skipped in store.skipped} == {"no record lies at this depth"}


def test_a_damaged_record_is_written_again(place: Place, settled: Settled) -> None:
    record = result()
    place.plant(record.path, b"torn")
    store = settled(record)
    assert list(store.results()) == [record]
    assert place.files() == {record.path: record.to_json().encode()}


def test_many_writers_of_one_record_leave_one_file(place: Place) -> None:
    store, record = place.open(), result()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: store.put(record), range(32))) == {record.path}
    place.settle(store)
    assert list(place.files()) == [record.path]


def test_a_record_above_the_limit_is_neither_written_nor_read(place: Place) -> None:
    huge = result(parameters={"text": "x" * LARGEST_RECORD})
    store = place.open()
    with pytest.raises(StoreError, match="64"):
        store.put(huge)
    assert list(store.results()) == []
    place.plant(huge.path, bytes(LARGEST_RECORD + 1))
    assert list(store.results("microworld")) == []
    assert store.skipped == [Skipped(huge.path, "larger than 64 MiB, the most a record may have")]
    assert not store.of_cell(huge.cell.id)


def climbing(**changes: str) -> Result:
    """A result that was never checked, as only code of one's own can make it."""
    record = result()
    return record.model_copy(update={"cell": record.cell.model_copy(update=changes)})


@pytest.mark.parametrize(
    "changes", [{"track": "../../up"}, {"strategy": ".."}, {"track": "/etc"}, {"strategy": "a\\b"}]
)
def test_a_result_whose_names_climb_out_is_refused(place: Place, changes: dict[str, str]) -> None:
    store = place.open()
    with pytest.raises(StoreError, match="no path inside a store"):
        store.put(climbing(**changes))
    assert place.files() == {}


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "a//b", "", ".", "a/.hidden", "c:\\x", "a\nb", "x" * 500]
)
def test_other_files_stay_inside_too(place: Place, path: str) -> None:
    store = place.open()
    with pytest.raises(StoreError, match="no path inside a store"):
        store.write({path: b""})
    with pytest.raises(StoreError, match="no path inside a store"):
        store.read(path)


def test_other_files_are_written_read_and_listed(place: Place) -> None:
    store = place.open()
    store.write({"leaderboard/a.parquet": b"PAR1", "leaderboard/a.json": b"{}", "README.md": b"hello\n"})
    for reader in (store, place.open()):
        found = reader.read("leaderboard/a.parquet")
        assert found is not None
        assert found.content == b"PAR1"
        assert reader.paths("leaderboard/") == ["leaderboard/a.json", "leaderboard/a.parquet"]
        assert reader.paths() == ["README.md", "leaderboard/a.json", "leaderboard/a.parquet"]
        assert reader.read("nothing") is None
        assert list(reader.results()) == []


def test_results_are_never_written_over(place: Place, settled: Settled) -> None:
    record = result()
    store = settled(record)
    with pytest.raises(StoreError, match="only ever added"):
        store.write({record.path: b"{}"})
    assert place.files() == {record.path: record.to_json().encode()}


@pytest.mark.parametrize("path", ["requests/one.json", "leaderboard/one.parquet"])
def test_of_two_conditional_writes_one_wins(place: Place, path: str) -> None:
    first, second = place.open(), place.open()
    first.write({path: b"queued"}, expected={path: None})
    with pytest.raises(StoreConflict, match=path):
        second.write({path: b"queued too"}, expected={path: None})
    seen = [store.read(path) for store in (first, second)]
    assert seen[0] == seen[1]
    assert seen[0] is not None
    version = seen[0].version
    second.write({path: b"claimed by second"}, expected={path: version})
    with pytest.raises(StoreConflict):
        first.write({path: b"claimed by first", "requests/log": b"mine"}, expected={path: version})
    assert place.files() == {path: b"claimed by second"}
    found = first.read(path)
    assert found is not None
    assert (found.content, found.version != version) == (b"claimed by second", True)


def test_a_write_to_another_file_is_no_conflict(place: Place) -> None:
    store = place.open()
    store.write({"requests/one.json": b"1"})
    seen = store.read("requests/one.json")
    assert seen is not None
    place.open().write({"requests/two.json": b"2"})
    store.write({"requests/one.json": b"1b"}, expected={"requests/one.json": seen.version})
    assert place.files() == {"requests/one.json": b"1b", "requests/two.json": b"2"}


def test_many_claims_at_once_have_one_winner(place: Place) -> None:
    stores = [place.open() for _ in range(6)]

    def claim(number: int) -> bool:
        try:
            stores[number].write({"requests/r.json": f"worker {number}".encode()}, expected={"requests/r.json": None})
        except StoreConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(claim, range(6)))
    assert sum(won) == 1
    assert place.files()["requests/r.json"] == f"worker {won.index(True)}".encode()


def test_a_file_that_is_gone_is_gone_for_readers(place: Place, settled: Settled) -> None:
    record = result()
    store = settled(record)
    assert list(store.results()) == [record]
    place.remove(record.path)
    assert list(store.results()) == []


def test_a_record_is_what_the_model_says(place: Place, settled: Settled) -> None:
    record = result()
    settled(record)
    assert Result.model_validate(json.loads(place.files()[record.path])) == record
