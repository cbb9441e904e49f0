"""The prepared files of a board give it back whole; damaged, torn apart or foreign ones are said to be so."""

from __future__ import annotations

import hashlib
import json

import pytest
from factories import experiment, registration, result, task

from suite.aggregate import Board, PluginFacts, score_v1
from suite.aggregate.cells import Cells, cells_of, cells_parquet, read_cells
from suite.aggregate.prepared import as_parquet, facts_json
from suite.aggregate.prepared_reading import read_prepared
from suite.errors import StoreError
from suite.results import Result


@pytest.fixture(scope="module")
def results() -> list[Result]:
    found = experiment({"k-center": 0.1, "duplicate": -0.2, "oracle": 0.3}, items=40)
    found += [one.model_copy(update={"cell": one.cell.model_copy(update={"budget": 1000})}) for one in found[3:9]]
    return [*found, result([task([1.0, 0.0], "other")], spec="longest"), result(track_identity="0" * 64)]


@pytest.fixture(scope="module")
def board(results: list[Result]) -> Board:
    return score_v1(results, registration(), {"k-center": PluginFacts("embedding", "built-in")})


def test_a_board_comes_back_whole(board: Board) -> None:
    assert len(board.tables) == 3
    found = read_prepared(facts_json(board, "digest").encode(), as_parquet(board))
    assert repr(found.board) == repr(board)
    assert found.results_digest == "digest"


def test_an_empty_board_comes_back_too() -> None:
    nothing = score_v1([], registration())
    assert read_prepared(facts_json(nothing).encode(), as_parquet(nothing)).board == nothing


def test_files_of_two_boards_do_not_make_one(board: Board) -> None:
    other = score_v1(experiment({"k-center": 0.1}), registration())
    with pytest.raises(StoreError, match=r"not written together|damaged"):
        read_prepared(facts_json(board).encode(), as_parquet(other))


@pytest.mark.parametrize("version", [1, 99])
def test_other_schemas_are_named(board: Board, version: int) -> None:
    facts = json.loads(facts_json(board)) | {"schema_version": version}
    with pytest.raises(StoreError, match=f"schema version {version}.*(recompute|update)"):
        read_prepared(json.dumps(facts).encode(), as_parquet(board))


@pytest.mark.parametrize(
    "change",
    [
        {"tables": None},
        {"tables": [1]},
        {"registration": {}},
        {"results": "many"},
        {"schema_version": "2"},
    ],
)
def test_damaged_facts_are_said(board: Board, change: dict[str, object]) -> None:
    facts = json.loads(facts_json(board)) | change
    del facts["content_sha256"]  # whoever changes them can leave the hash out
    with pytest.raises(StoreError, match="damaged"):
        read_prepared(json.dumps(facts).encode(), as_parquet(board))


def test_a_changed_byte_shows(board: Board) -> None:
    """Parquet keeps no hash of its own: another number in the rows would be believed."""
    rows = as_parquet(board)
    facts = facts_json(board, "digest", {"parquet": rows})
    assert read_prepared(facts.encode(), rows).files == {"parquet": hashlib.sha256(rows).hexdigest()}
    other = score_v1(experiment({"k-center": 0.1, "duplicate": -0.2, "oracle": 0.3}, items=41), registration())
    for changed in (as_parquet(other), rows[:-20] + bytes([rows[-20] ^ 1]) + rows[-19:]):
        with pytest.raises(
            StoreError, match=r"not the one that was written with the facts|damaged|not written together"
        ):
            read_prepared(facts.encode(), changed)
    with pytest.raises(StoreError, match="changed since it was written"):
        read_prepared(facts.replace('"budget": 500', '"budget": 501').encode(), rows)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"[]"])
def test_what_is_no_board_is_said(board: Board, content: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        read_prepared(content, as_parquet(board))
    with pytest.raises(StoreError, match="damaged"):
        read_prepared(facts_json(board).encode(), content)
    with pytest.raises(StoreError, match="damaged"):
        read_cells(content)
    with pytest.raises(StoreError, match="damaged"):
        read_cells(as_parquet(board))


def test_every_record_has_a_line_and_says_whether_it_counts(results: list[Result]) -> None:
    twice = result(spec="k-center", finished_at="2030-01-01T00:00:00Z", engine="other", base_model="micro")
    cells = read_cells(cells_parquet(cells_of([*results, twice], registration())))
    assert cells == cells_of([*results, twice], registration())
    assert len(cells) == len(results) + 1
    assert [line.path for line in cells] == sorted(line.path for line in cells)
    foreign = [line for line in cells if "another version" in line.why_not]
    assert [line.record_id for line in foreign] == [results[-1].record_id]
    source = results[0]
    line = cells.find(source.path)
    assert line is not None
    assert line.counts
    assert line.tasks == {one.name: one.mean for one in source.tasks}
    assert (line.trained_tokens, line.selection) == (0, None)
    assert cells.find(source.record_id) == line
    assert cells.find("nothing") is None
    assert not Cells().lines


def test_of_two_records_of_a_cell_the_one_that_counts_is_found() -> None:
    early, late = (result(finished_at=f"202{year}-01-01T00:00:00Z", first_prompt_ids=(year,)) for year in (1, 2))
    cells = cells_of([late, early], registration())
    assert [line.counts for line in cells].count(True) == 1
    found = cells.find(early.cell.id)
    assert found is not None
    assert found.record_id == early.record_id
