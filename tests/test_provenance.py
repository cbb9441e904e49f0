"""What rows tell of how they came about: remarks of strategies, and rows that different libraries trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import experiment, registration, result

from suite.aggregate import Board, Table, score_v1
from suite.aggregate.prepared import as_parquet, facts_json, flat_rows
from suite.aggregate.prepared_reading import read_prepared
from suite.aggregate.provenance import remarks_of, trainers_of
from suite.aggregate.wording import table_notes
from suite.results import Result

OLD, NEW = {"torch": "2.13.0", "trl": "1.15.0"}, {"torch": "2.13.0", "trl": "1.16.0"}
SAID = ("approximate: 5 neighbours; no more", "only 3 types.")


def trained_by(found: Result, versions: dict[str, str]) -> Result:
    training = found.training
    return found if training is None else replaced(found, training={**training.model_dump(), "versions": versions})


def replaced(found: Result, **changes: object) -> Result:
    return Result.model_validate({**found.model_dump(), **changes})


@pytest.fixture(scope="module")
def plain() -> list[Result]:
    return experiment({"k-center": 0.1, "k-means:clusters=9": 0.2}, items=20)


def table_of(results: list[Result]) -> tuple[Board, Table]:
    board = score_v1(results, registration())
    (table,) = board.tables
    return board, table


def test_a_row_whose_cells_are_approximate_says_so_beneath_its_table(plain: list[Result]) -> None:
    results = [replaced(one, remarks=SAID) if one.cell.strategy == "k-means" else one for one in plain]
    board, table = table_of(results)
    (note,) = [note for note in table_notes(table) if "says of its selection" in note]
    assert note == ("k-means:clusters=9 says of its selection: approximate: 5 neighbours; no more; only 3 types.")
    assert {line["strategy"]: line["remarks"] for line in flat_rows(board)}["k-means:clusters=9"] in note
    assert not [note for note in table_notes(table_of(plain)[1]) if "says" in note]


def test_many_remarks_are_counted() -> None:
    results = [result(remarks=(f"number {number}", "the same")) for number in range(6)]
    assert remarks_of(results) == "number 0; the same; number 1; 4 more remarks"
    assert remarks_of(results[:3]) == "number 0; the same; number 1; 1 more remark"
    assert remarks_of([result()]) == ""


def test_rows_that_different_libraries_trained_are_said_with_what_differs(plain: list[Result]) -> None:
    mixed = [trained_by(one, OLD if one.cell.strategy == "k-center" else NEW) for one in plain]
    assert [note for note in table_notes(table_of(mixed)[1]) if "trained" in note] == [
        "Rows were trained by different libraries, which can move scores: trl 1.15.0 (k-center); "
        "trl 1.16.0 (full, k-means:clusters=9, random)."
    ]
    half_known = [trained_by(one, NEW) if number % 2 else one for number, one in enumerate(plain)]
    for alike in (plain, [trained_by(one, NEW) for one in plain], half_known):
        assert not [note for note in table_notes(table_of(alike)[1]) if "trained by" in note]
    # A row whose own cells differ is named with both.
    first, *others = [one for one in plain if one.cell.strategy == "k-center"]
    assert trainers_of([trained_by(first, OLD), *(trained_by(one, NEW) for one in others)]) == (
        "torch 2.13.0, trl 1.15.0; torch 2.13.0, trl 1.16.0"
    )


def test_both_come_back_from_the_prepared_files(plain: list[Result]) -> None:
    board, table = table_of([replaced(trained_by(one, OLD), remarks=SAID) for one in plain])
    assert {row.trained_by for row in table.rows} == {"", "torch 2.13.0, trl 1.15.0"}
    found = read_prepared(facts_json(board).encode(), as_parquet(board)).board
    assert repr(found) == repr(board)
    bare = replace(table, rows=tuple(replace(row, remarks="", trained_by="") for row in table.rows))
    assert table_notes(found.tables[0]) != table_notes(bare)
