"""What fuzzing has found, each with the input that showed it: a traceback then, an answer now."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import experiment, registration, result
from fuzzing.files import POOL, TRACK
from fuzzing.submissions import ANSWERS

from suite.aggregate import score_v1
from suite.aggregate.moments_file import MomentsFile
from suite.aggregate.prepared import as_parquet, facts_json
from suite.aggregate.prepared_reading import read_prepared
from suite.errors import PoolError, SelectionError, StoreError, TrackError
from suite.intake.sandbox.selecting import picked_rows
from suite.intake.sandbox.supervise import Outcome
from suite.intake.selections import Which
from suite.pool.readers import file_rows
from suite.pool.shapes import to_sample
from suite.selection import read_selection
from suite.stores import Skipped
from suite.stores.records import read_record
from suite.studies.contamination import ContaminationOutcome
from suite.studies.kept import read_kept
from suite.track import parse_track

GOLDEN = Path(__file__).parents[1] / "golden"
MANY_DIGITS = "9" * 5000
DEEP = "[" * 5000 + "]" * 5000


def test_seconds_of_thousands_of_digits_from_a_sandbox() -> None:
    answer = json.dumps(ANSWERS[0]).replace("0.25", "9" * 400).encode()
    rows, seconds = picked_rows(Outcome("", answer, "", 1.5, 1.0, 1), Which("tiny", 8, 0), 60)
    assert (len(rows), seconds) == (8, 1.5)


@pytest.mark.parametrize("value", [MANY_DIGITS, DEEP], ids=["digits", "depth"])
def test_a_track_with_huge_numbers_or_deep_lists(value: str) -> None:
    with pytest.raises(TrackError, match="not valid TOML"):
        parse_track(TRACK.replace(b"gpu_hours = 0", b"gpu_hours = " + value.encode()), "own.toml")


@pytest.mark.parametrize(
    ("key", "value"),
    [("pool", "7"), ("pool", None), ("seed", "Infinity"), ("budget", "-Infinity"), ("parameters", DEEP), ("ids", DEEP)],
    ids=str,
)
def test_a_selection_file_of_odd_values(key: str, value: str | None, tmp_path: Path) -> None:
    document: dict[str, Any] = json.loads((GOLDEN / "selection" / "1" / "picks.json").read_bytes())
    document[key] = "HERE"
    if value is None:
        del document[key]
    file = tmp_path / "picks.json"
    file.write_text(json.dumps(document).replace('"HERE"', value or ""))
    with pytest.raises(SelectionError, match=r"picks\.json"):
        read_selection(file, POOL)


def test_a_kept_study_of_deep_nesting_or_half_a_character(tmp_path: Path) -> None:
    place = tmp_path / "studies" / "microworld"
    place.mkdir(parents=True)
    golden = (GOLDEN / "contamination" / "1" / "studies" / "microworld" / "contamination.json").read_text()
    for content in (DEEP, golden.replace('"microworld"', '"micro\\ud800world"'), golden.replace("13", "1e999", 1)):
        (place / "contamination.json").write_text(content)
        with pytest.raises(StoreError, match="is damaged"):
            read_kept(tmp_path, "microworld", "contamination", ContaminationOutcome)


def test_a_pool_with_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_text('{"id": ' + MANY_DIGITS + ', "instruction": "a", "output": "b"}\n')
    with pytest.raises(PoolError, match="line 1: broken JSON"):
        list(file_rows(file).rows())
    sample = to_sample(
        {"id": "p/0" + MANY_DIGITS, "instruction": "a", "output": "b"}, row=0, source="s", id_prefix="p/"
    )
    assert sample.id == MANY_DIGITS


def test_a_pool_with_a_time_beyond_the_calendar(tmp_path: Path) -> None:
    file = tmp_path / "pool.parquet"
    times = pa.array([0, 10**18], pa.timestamp("us"))
    pq.write_table(pa.table({"instruction": ["a", "b"], "output": times}), file)
    with pytest.raises(PoolError, match="after row 0: date value out of range"):
        list(file_rows(file).rows())


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["parameters", "cost"])
def test_a_result_with_a_number_that_is_none(number: str, place: str) -> None:
    """It was taken, written on as null, and an infinite cost would have reached the page as no JSON."""
    record = result(parameters={"x": 0.125}, training_seconds=0.125)
    written = record.to_json()
    parts = written.split("0.125")
    assert len(parts) == 3
    spoiled = parts[0] + (number if place == "cost" else "0.125") + parts[1]
    spoiled += (number if place == "parameters" else "0.125") + parts[2]
    found = read_record(record.path, spoiled.encode())
    assert isinstance(found, Skipped)
    assert "number" in found.reason


BEYOND = ("9223372036854775808", "1e19", "9" * 300)
OTHER_FORMS = ('"500"', '"' + "0" * 50 + "4" + "0" * 50 + '"', "true", "500.0")


@pytest.mark.parametrize(
    ("field", "written"),
    [*(("evaluation_tokens", number) for number in BEYOND), *(("selection_size", text) for text in OTHER_FORMS)],
)
def test_a_result_with_a_number_beyond_64_bits_or_in_another_form(field: str, written: str) -> None:
    """It was taken: no table of the board could be written any more, or no reader took back what was written on."""
    record = result()
    spoiled = re.sub(rf'"{field}":\d+', f'"{field}":{written}', record.to_json())
    assert spoiled != record.to_json()
    found = read_record(record.path, spoiled.encode())
    assert isinstance(found, Skipped)
    assert "64 bits" in found.reason or field in found.reason


def test_a_prepared_board_with_half_a_character() -> None:
    board = score_v1(experiment({"k-center": 0.1}, items=10), registration())
    facts = json.loads(facts_json(board))
    del facts["content_sha256"]
    facts["track"] = "micro\ud800world"
    with pytest.raises(StoreError, match="damaged"):
        read_prepared(json.dumps(facts).encode(), as_parquet(board))


def test_moments_of_an_infinite_schema() -> None:
    table = pq.read_table(GOLDEN / "moments" / "1" / "microworld.moments.parquet")
    head = json.loads(table.schema.metadata[b"breadth"])
    page = io.BytesIO()
    spoiled = json.dumps(head | {"schema_version": "HERE"}).replace('"HERE"', "1e999")
    pq.write_table(table.replace_schema_metadata({"breadth": spoiled}), page)
    with pytest.raises(StoreError, match="damaged"):
        MomentsFile(io.BytesIO(page.getvalue()))
