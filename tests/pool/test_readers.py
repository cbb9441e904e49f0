"""Files of every format: what is read, and the one error each broken file gets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.errors import PoolError
from suite.pool.loading import open_pool
from suite.pool.readers import file_rows
from suite.pool.shapes import DropReason

ROWS = [{"instruction": f"Add {n}.", "input": "", "output": str(n)} for n in range(1, 4)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = b"instruction,input,output\r\n" + b"".join(f"Add {n}.,,{n}\r\n".encode() for n in range(1, 4))


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


def write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.jsonl", b"\n" + LINES.replace(b"\n", b"\n\n")),
        ("a.jsonl", LINES[:-1]),
        ("a.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("a.jsonl.gz", gzip.compress(LINES[:60], mtime=0) + gzip.compress(LINES[60:], mtime=0)),
        ("a.jsonl.zst", zstd(LINES)),
        ("a.csv", CSV),
        ("a.csv", b"\xef\xbb\xbf" + CSV),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    write_parquet(tmp_path / "b.parquet")
    (tmp_path / name).write_bytes(content)
    source = file_rows(tmp_path / name)
    assert list(source.rows()) == list(enumerate(ROWS)) == list(file_rows(tmp_path / "b.parquet").rows())
    assert source.progress() == (len(content), len(content))


def test_csv_keeps_quoted_line_breaks_and_large_fields(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'prompt,completion\n"two\nlines, one ""field""",{"x" * 200_000}\n')
    assert list(file_rows(tmp_path / "a.csv").rows()) == [
        (0, {"prompt": 'two\nlines, one "field"', "completion": "x" * 200_000})
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "empty (0 bytes)"),
        ("a.parquet", b"", "empty (0 bytes)"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.csv", b"prompt,completion\n", "has a header and no rows"),
        ("a.json", LINES, "has no ending Breadth reads"),
        ("a", LINES, "has no ending Breadth reads"),
        ("a.gz", LINES, "has no ending Breadth reads"),
        ("a.parquet.gz", LINES, "has no ending Breadth reads"),
        ("a.jsonl", LINES + b'{"instruction": "x"', "a.jsonl, line 4: broken JSON"),
        ("a.jsonl", LINES + b"\n[1]\n", "a.jsonl, line 5: a JSON object is wanted"),
        ("a.jsonl", b'{"a":' * 100_000, "a.jsonl, line 1: broken JSON"),
        ("a.jsonl.gz", LINES, "damaged or cut short"),
        ("a.jsonl.gz", gzip.compress(LINES, mtime=0)[:-12], "damaged or cut short"),
        ("a.jsonl.zst", zstd(LINES)[:-5], "damaged or cut short"),
        ("a.parquet", b"PAR1 but no more", "no whole parquet file"),
        (
            "a.csv",
            b"question,answer\na,b\n",
            "has the columns question, answer; needed is one of: instruction + output",
        ),
        ("a.csv", CSV + b"only one\r\n", "a.csv, line 5: 1 fields where the header has 3"),
        ("a.csv", CSV + b'"never closed,,1\r\n', "broken csv"),
    ],
)
def test_a_broken_file_is_one_error_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PoolError) as caught:
        open_pool(tmp_path / name)
    assert message in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_parquet_missing_file_and_folder(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PoolError, match=r"a\.parquet is no whole parquet file"):
        open_pool(tmp_path / "a.parquet")
    # The footer is whole and a page is not: the damage shows while reading.
    damaged = bytearray(whole)
    damaged[4:40] = b"\xff" * 36
    (tmp_path / "b.parquet").write_bytes(damaged)
    with pytest.raises(PoolError, match=r"b\.parquet is damaged after row 0"):
        open_pool(tmp_path / "b.parquet")
    with pytest.raises(PoolError, match="No such file"):
        open_pool(tmp_path / "none.jsonl")
    with pytest.raises(PoolError, match="is a folder"):
        open_pool(tmp_path)


def test_parquet_without_known_columns_lists_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["a"], "answer": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(PoolError, match="has the columns question, answer"):
        open_pool(tmp_path / "a.parquet")


def broken_jsonl(path: Path) -> None:
    path.write_bytes(LINES + b'{"instruction": "caf\xe9", "output": "x"}\n' + LINES)


def broken_csv(path: Path) -> None:
    path.write_bytes(CSV + b"caf\xe9,,x\r\n" + CSV.split(b"\r\n", 1)[1])


def broken_parquet(path: Path) -> None:
    outputs = pa.array([b"1", b"2", b"3", b"\xe9", b"1", b"2", b"3"], pa.binary())
    texts = pa.StringArray.from_buffers(7, outputs.buffers()[1], outputs.buffers()[2])
    pq.write_table(pa.table({"instruction": ["Add."] * 7, "output": texts}), path)


@pytest.mark.parametrize(
    ("name", "write"), [("a.jsonl", broken_jsonl), ("a.csv", broken_csv), ("a.parquet", broken_parquet)]
)
def test_a_row_of_invalid_utf8_is_dropped_alone(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    said: list[str] = []
    pool = open_pool(tmp_path / name, notify=said.append)
    assert dict(pool.dropped) == {DropReason.INVALID_UTF8.value: 1}
    assert [sample.id for sample in pool.samples()] == ["0", "1", "2", "4", "5", "6"]
    assert [sample.output for sample in pool.samples()] == ["1", "2", "3", "1", "2", "3"]
    assert "1 invalid UTF-8" in said[-1]


def test_a_line_without_end_is_refused_before_it_fills_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.pool.readers.MAX_LINE_BYTES", 1000)
    record: dict[str, Any] = {"instruction": "x" * 2000, "output": "y"}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    with pytest.raises(PoolError, match=r"a\.jsonl, line 1: longer than 64 MiB"):
        open_pool(tmp_path / "a.jsonl")
