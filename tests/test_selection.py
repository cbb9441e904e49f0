"""Selections: what a strategy may return, the file format, and files that were damaged or made for another pool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SelectionError
from suite.pool import Pool, pool_from_records
from suite.selection import Selection, checked_rows, read_selection


def pool_of(size: int, text: str = "Q") -> Pool:
    return pool_from_records([{"id": f"n{row}", "instruction": f"{text}{row}", "output": "a"} for row in range(size)])


POOL = pool_of(10)


def selected(rows: list[int], **fields: Any) -> Selection:
    array = np.asarray(rows, dtype=np.int64)
    return Selection(
        strategy="k-center",
        rows=array,
        ids=POOL.id_of(array),
        pool_fingerprint=POOL.fingerprint,
        budget=len(rows),
        **fields,
    )


@pytest.mark.parametrize(
    ("picked", "message"),
    [
        ([1, 2], "returned 2 rows where the budget is 3"),
        ([1, 2, 3, 4], "returned 4 rows where the budget is 3"),
        ([], "returned 0 rows where the budget is 3"),
        ([1, 2, 10], "row 10 at position 2, outside 0 to 9"),
        ([-1, 2, 3], "row -1 at position 0"),
        ([4, 2, 4], "picked row 4 twice (again at position 2)"),
        ([1.0, 2.5, 3.0], "float64 values (first: "),
        (["1", "2", "3"], "values (first: "),
        ([True, False, True], "bool values"),
        ([[1, 2, 3]], "shape (1, 3)"),
        (5, "shape ()"),
    ],
)
def test_a_wrong_pick_names_the_strategy_and_the_first_bad_value(picked: Any, message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        checked_rows(np.asarray(picked), strategy="mine", pool_size=10, size=3)
    assert str(caught.value).startswith("mine ")
    assert message in str(caught.value)


@given(st.integers(1, 50).flatmap(lambda size: st.tuples(st.just(size), st.permutations(range(size)))), st.data())
def test_any_right_pick_comes_back_as_it_is(drawn: tuple[int, list[int]], data: st.DataObject) -> None:
    size, order = drawn
    picked = order[: data.draw(st.integers(1, size))]
    dtype = data.draw(st.sampled_from([np.int64, np.int32, np.uint16, np.uint64]))
    rows = checked_rows(np.asarray(picked, dtype=dtype), strategy="mine", pool_size=size, size=len(picked))
    assert rows.dtype == np.int64
    assert rows.tolist() == picked


def test_repeats_are_for_those_who_may() -> None:
    rows = checked_rows([3, 3, 3], strategy="duplicate", pool_size=10, size=3, allow_repeats=True)
    assert rows.tolist() == [3, 3, 3]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
    st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.integers(), st.booleans(), st.text(max_size=5))),
    st.integers(0, 2**31),
)
def test_a_saved_selection_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], parameters: dict[str, Any], seed: int
) -> None:
    path = tmp_path_factory.mktemp("selection") / "picks.json"
    made = selected(rows, parameters=parameters, seed=seed)
    made.save(path)
    read = read_selection(path, POOL)
    assert read.rows.tolist() == rows
    assert (read.strategy, read.seed, read.budget, dict(read.parameters)) == (
        made.strategy,
        seed,
        len(rows),
        parameters,
    )
    assert read.sha256 == made.sha256


def test_sha256_is_that_of_the_picks_in_order() -> None:
    assert selected([1, 2]).sha256 == selected([1, 2], seed=5, parameters={"a": 1}).sha256
    assert selected([1, 2]).sha256 != selected([2, 1]).sha256
    assert len(selected([1, 2])) == 2


def test_plain_ids_are_a_selection(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("n4\n\n n2 \nn0\n")
    read = read_selection(tmp_path / "mine.txt", POOL)
    assert (read.strategy, read.rows.tolist(), read.budget) == ("mine", [4, 2, 0], 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no ids"),
        (b"n1\nnowhere\n", "Id 'nowhere' (line 2) is not in the pool"),
        (b"n1\n\xff\xfe\n", "is not UTF-8 (byte 3)"),
        (b'{"ids": ["n1"]}', "is no selection file"),
        (b'{"ids": ["n1"', "is no selection file"),
        (b'{"ids": 5, "strategy": "x"}', "is no selection file"),
    ],
)
def test_a_wrong_file_is_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "picks.json").write_bytes(content)
    with pytest.raises(SelectionError) as caught:
        read_selection(tmp_path / "picks.json", POOL)
    assert message in str(caught.value)
    with pytest.raises(SelectionError, match="cannot be read"):
        read_selection(tmp_path / "none.json", POOL)


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_a_truncated_selection_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "picks.json"
    selected([1, 2, 3]).save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SelectionError, match="is no selection file"):
        read_selection(path, POOL)


def test_an_edited_selection_and_one_of_another_pool_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "picks.json"
    selected([1, 2, 3]).save(path)
    with pytest.raises(SelectionError, match="was made from pool"):
        read_selection(path, pool_of(10, "other"))
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "ids": ["n1", "n3", "n2"]}))
    with pytest.raises(SelectionError, match="was changed after it was written"):
        read_selection(path, POOL)
