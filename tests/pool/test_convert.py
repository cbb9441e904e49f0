"""Conversion: one streamed pass, whole or absent, with drop rules, duplicate ids, cache and bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.errors import PoolError, StorageError
from suite.home import cache_folder
from suite.pool.convert import IdLedger, Rules, cached_pool
from suite.pool.loading import open_pool
from suite.pool.pool import Pool, pool_from_records
from suite.pool.readers import Row
from suite.pool.shapes import DropReason
from suite.reporting import no_progress

MEASURE = """
import sys, threading, psutil
import suite.pool.loading as loading
import pyarrow.parquet, pyarrow.ipc, json
from pathlib import Path
process = psutil.Process()
loading.open_pool(Path(sys.argv[2]))
before = process.memory_info().rss
peak, done = before, threading.Event()
def watch():
    global peak
    while not done.wait(0.01):
        memory = process.memory_full_info()
        peak = max(peak, memory.rss - memory.shared)
watcher = threading.Thread(target=watch)
base = process.memory_full_info()
before = peak = base.rss - base.shared
watcher.start()
pool = loading.open_pool(Path(sys.argv[1]))
count = sum(1 for _ in pool.samples())
done.set(); watcher.join()
print(json.dumps({"rows": count, "grown": peak - before}))
"""


def rows_file(path: Path, count: int, text: str) -> Path:
    with path.open("w") as file:
        for row in range(count):
            record = {"id": f"sample-{row}", "instruction": f"Question {row}?", "input": "", "output": f"{text} {row}"}
            file.write(json.dumps(record) + "\n")
    return path


def cache_files() -> list[str]:
    return sorted(path.name for path in (cache_folder() / "pools").rglob("*") if path.is_file())


def test_a_file_and_the_same_records_are_the_same_pool(tmp_path: Path) -> None:
    pool = open_pool(rows_file(tmp_path / "a.jsonl", 5000, "Answer"))
    records = [
        {"id": f"sample-{row}", "instruction": f"Question {row}?", "output": f"Answer {row}", "source": "a"}
        for row in range(5000)
    ]
    assert pool.fingerprint == pool_from_records(records).fingerprint
    assert list(pool.samples()) == list(pool_from_records(records).samples())
    assert pool.sample(4999).id == "sample-4999"
    assert list(pool.rows(["sample-4500", "sample-2"])) == [4500, 2]


def test_conversations_survive_the_cache(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "a"}]
    lines = [{"conversations": turns + turns}, {"instruction": "Q?", "output": "q"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    long, short = open_pool(tmp_path / "a.jsonl").samples()
    assert long.turns == (("user", "A?"), ("assistant", "a"), ("user", "A?"), ("assistant", "a"))
    assert short.turns == ()


def test_drops_are_counted_by_reason_and_ids_stay_row_numbers(tmp_path: Path) -> None:
    good = {"instruction": "Q?", "input": "", "output": "q"}
    lines = [
        good,
        {**good, "output": ""},
        {**good, "output": "x" * 5_000_000},
        {**good, "output": 1},
        {**good, "instruction": ""},
        {"question": "Q?"},
        {**good, "output": " "},
        good,
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said: list[str] = []
    pool = open_pool(tmp_path / "a.jsonl", notify=said.append)
    assert [sample.id for sample in pool.samples()] == ["0", "7"]
    assert dict(pool.dropped) == {
        DropReason.EMPTY_OUTPUT: 2,
        DropReason.TOO_LARGE: 1,
        DropReason.NOT_TEXT: 1,
        DropReason.MISSING_INSTRUCTION: 1,
        DropReason.UNKNOWN_SHAPE: 1,
    }
    assert "2 samples; rows dropped:" in said[0]
    assert "2 empty output" in said[0]


def test_a_pool_of_drops_alone_is_an_error_with_counts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "Q?", "answer": "a"}\n' * 3)
    with pytest.raises(PoolError) as caught:
        open_pool(tmp_path / "a.jsonl")
    assert "unknown shape (3)" in str(caught.value)
    assert "question, answer" in str(caught.value)
    assert "instruction + output" in str(caught.value)
    assert cache_files() == [name for name in cache_files() if name.endswith(".lock")]


def test_duplicate_ids_name_the_id_and_both_rows(tmp_path: Path) -> None:
    lines = [{"id": f"n{row % 6000}", "instruction": "Q?", "output": "" if row == 1 else "q"} for row in range(6001)]
    lines.append({"id": "n1", "instruction": "Q?", "output": "q"})
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    # n1 stood in row 1, which was dropped, so row 6001 is no duplicate of it.
    with pytest.raises(PoolError, match="id 'n0' stands twice, in rows 0 and 6000"):
        open_pool(tmp_path / "a.jsonl")
    assert cache_files() == [name for name in cache_files() if name.endswith(".lock")]


def test_ids_of_equal_hash_are_not_taken_for_duplicates() -> None:
    ledger = IdLedger()
    # Python gives -1 and -2 the same hash, as it may two different texts.
    for row, identifier in enumerate([-1, 5, -2, 6]):
        ledger.add(identifier, row)  # type: ignore[arg-type]
    assert ledger.candidates() == [[(0, 0), (2, 2)]]


class Interrupted:
    """Rows that stop half-way, as Ctrl-C does."""

    def rows(self) -> Iterator[Row]:
        for row in range(10_000):
            if row == 9_000:
                raise KeyboardInterrupt
            yield row, {"instruction": "Q?", "output": "q"}

    def progress(self) -> tuple[int, int]:
        return 0, 10_000


def converted(source: object, **rules: object) -> Pool:
    return cached_pool(
        lambda: source,  # type: ignore[arg-type, return-value]
        identity={"test": 1},
        name="mine",
        rules=Rules(**rules),  # type: ignore[arg-type]
        progress=no_progress,
        notify=lambda message: None,
    )


class Listed(Interrupted):
    """Rows of a list."""

    def __init__(self, records: list[dict[str, str]]):
        self.records = records

    def rows(self) -> Iterator[Row]:
        yield from enumerate(self.records)


def test_an_interruption_leaves_nothing_and_the_next_run_works() -> None:
    with pytest.raises(KeyboardInterrupt):
        converted(Interrupted())
    assert [path.name for path in (cache_folder() / "pools").iterdir() if not path.name.endswith(".lock")] == []
    assert len(converted(Listed([{"instruction": "Q?", "output": "q"}]))) == 1


def test_a_rule_the_track_does_not_state_is_an_error() -> None:
    rows = Listed([{"instruction": "Q?", "output": "q"}, {"instruction": "Q?", "output": ""}])
    with pytest.raises(PoolError, match="mine, row 1: empty output; this track allows no such row"):
        converted(rows, drop=frozenset({"invalid UTF-8"}))
    assert len(converted(rows, drop=frozenset({"empty output"}))) == 1


@pytest.mark.parametrize("damage", ["pool.arrow", "facts.json", "missing"])
def test_a_truncated_cache_is_noticed_said_and_rebuilt(tmp_path: Path, damage: str) -> None:
    path = rows_file(tmp_path / "a.jsonl", 100, "Answer")
    first = open_pool(path).fingerprint
    (folder,) = (path for path in (cache_folder() / "pools").iterdir() if path.is_dir())
    if damage == "missing":
        (folder / "facts.json").unlink()
    else:
        content = (folder / damage).read_bytes()
        (folder / damage).write_bytes(content[: len(content) // 2])
    said: list[str] = []
    pool = open_pool(path, notify=said.append)
    assert (pool.fingerprint, len(pool)) == (first, 100)
    assert "damaged" in said[0]


def test_a_cache_that_cannot_be_written_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rows_file(tmp_path / "a.jsonl", 10, "Answer")
    # Nobody may make a folder there, the superuser included.
    monkeypatch.setenv("BREADTH_HOME", "/sys/breadth")
    with pytest.raises(StorageError, match="No permission to write /sys/breadth"):
        open_pool(path)


def test_two_processes_convert_once(tmp_path: Path) -> None:
    path = rows_file(tmp_path / "a.jsonl", 20_000, "Answer")
    code = (
        "import sys; from pathlib import Path; from suite.pool.loading import open_pool; seen = []; "
        "open_pool(Path(sys.argv[1]), progress=lambda d, t: seen.append(d)); print(bool(seen))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    converted_it = [process.communicate(timeout=120)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted(converted_it) == ["False", "True"]


def peak_growth(tmp_path: Path, count: int, text: str) -> tuple[int, int]:
    """Bytes of private memory that opening and reading a pool adds in a fresh process, and the file's size."""
    small = rows_file(tmp_path / "small.jsonl", 100, "Answer")
    large = rows_file(tmp_path / "large.jsonl", count, text)
    command = [sys.executable, "-c", MEASURE, str(large), str(small)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    measured = json.loads(answer.stdout)
    assert measured["rows"] == count
    return measured["grown"], large.stat().st_size


def test_50_000_samples_load_in_a_fraction_of_their_size(tmp_path: Path) -> None:
    grown, size = peak_growth(tmp_path, 50_000, "x" * 4000)
    assert size > 200e6
    assert grown < 100e6


@pytest.mark.long
def test_a_million_samples_load_in_bounded_memory(tmp_path: Path) -> None:
    grown, size = peak_growth(tmp_path, 1_000_000, "x" * 1000)
    print(f"1,000,000 samples, {size / 1e6:.0f} MB of jsonl: {grown / 1e6:.0f} MB of private memory added at most")
    assert size > 1e9
    assert grown < 200e6
