"""The composition of open-117k: exactly the published pool from its parts, and the rules on small ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import PoolError
from suite.pool.loading import open_pool
from suite.pool.parts import Record, parts
from suite.pool.rebuild import SIZE, compose, main, write_parquet
from suite.track import load_track


def record(part: str, key: int, text: str = "") -> Record:
    return {
        "id": f"{part}/{key}",
        "instruction": text or f"{part} {key}",
        "input": "",
        "output": "yes",
        "source": part,
    }


def test_the_parts_give_the_published_pool_row_by_row(breadth_data: Path) -> None:
    import pyarrow.parquet as pq

    pools = breadth_data / "pools"
    built = compose({name: pq.read_table(pools / f"{name}.parquet").to_pylist() for name in parts()})
    published = pq.read_table(pools / "open-117k.parquet").to_pylist()
    assert len(built) == SIZE
    assert [row["id"] for row in built] == [row["id"] for row in published]
    assert built == published


def test_repeats_are_left_out_and_the_filler_fills_up() -> None:
    kept = [record("first", 0), record("first", 1, "same"), record("first", 2, "same")]
    filler = [record("filler", key) for key in range(50)] + [record("filler", 50, "same")]
    rows = compose({"first": kept, "filler": filler}, size=12, filler="filler")
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == 12
    assert "first/2" not in ids
    assert "filler/50" not in ids
    assert ids == [row["id"] for row in compose({"first": kept, "filler": filler[::-1]}, size=12, filler="filler")]


@pytest.mark.parametrize("size", [2, 60])
def test_parts_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(PoolError, match=f"where {size} are wanted"):
        compose({"first": [record("first", key) for key in range(3)], "filler": [record("filler", 0)]}, size, "filler")


@given(st.lists(st.integers(0, 1000), unique=True, min_size=5, max_size=40), st.integers(0, 2))
def test_a_larger_pool_of_the_same_parts_holds_the_smaller_one(keys: list[int], fewer: int) -> None:
    filler = [record("filler", key) for key in keys]
    larger = compose({"filler": filler}, len(keys), "filler")
    smaller = compose({"filler": filler}, len(keys) - fewer, "filler")
    assert {row["id"] for row in smaller} <= {row["id"] for row in larger}


def test_what_is_written_opens_as_the_same_pool(tmp_path: Path) -> None:
    rows = [record("first", key) for key in range(5)]
    write_parquet(rows, tmp_path / "made" / "pool.parquet")
    pool = open_pool(tmp_path / "made" / "pool.parquet")
    assert [sample.id for sample in pool.samples()] == [row["id"] for row in rows]
    assert {sample.source for sample in pool.samples()} == {"first"}


def test_the_m2m_track_pins_the_published_pool(breadth_data: Path) -> None:
    pinned = load_track("m2m").pool
    pool = open_pool(breadth_data / "pools" / "open-117k.parquet")
    assert (pool.fingerprint, len(pool)) == (pinned.fingerprint, pinned.size)
    assert not pool.dropped


def test_command_line_names_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--only", "lima"]) == 2
    assert "Did you mean 'lima-1k'" in capsys.readouterr().err
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    broken = tmp_path / parts()["lima-1k"].sources()[0].local
    broken.parent.mkdir(parents=True)
    broken.write_text("[]")
    assert main([str(tmp_path / "out"), "--only", "lima-1k"]) == 1
    assert "has sha256" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
