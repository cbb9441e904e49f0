"""The result record: its identity, its packed values and picks, and the golden files of every schema."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from factories import result, task
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from suite.remarks import LONGEST_REMARK, MOST_REMARKS, as_remarks
from suite.results import CellIdentity, Result, TaskScore, Training, pack_picks
from suite.stores import LocalStore, Skipped
from suite.stores.records import read_record

GOLDEN = Path(__file__).parent / "golden" / "store-schema-1"
GOLDEN_2 = Path(__file__).parent / "golden" / "store-schema-2"
GOLDEN_3 = Path(__file__).parent / "golden" / "store-schema-3"
GOLDEN_4 = Path(__file__).parent / "golden" / "store-schema-4"
VERSIONS = {"peft": "0.21.2", "torch": "2.13.0+cpu", "trl": "1.16.0"}


def test_golden_file_of_schema_1_is_read() -> None:
    """Written once and never again: whatever changes, records of schema 1 stay readable, bytes and name alike."""
    store = LocalStore(GOLDEN)
    [record] = store.results("microworld")
    assert store.skipped == []
    assert record.schema_version == 1
    assert record.cell.spec == "k-means:clusters=50"
    assert record.cell.id == "4cefd893e18a9670"
    assert record.record_id == "d519ba215c2b9b64"
    assert record.tasks[0].unpack().tolist() == [1.0, 0.0, 1.0, 1.0]
    assert record.tasks[1].unpack() == pytest.approx([1.5, 2.25, 0.75])
    assert record.training is not None
    assert record.training.loss_curve == ((1, 3.0), (10, 1.5))
    assert record.to_json().encode() == (GOLDEN / record.path).read_bytes()


def test_golden_file_of_schema_2_is_read() -> None:
    """Written once and never again, too."""
    store = LocalStore(GOLDEN_2)
    [record] = store.results("microworld")
    assert store.skipped == []
    assert record.schema_version == 2
    assert record.unpack_picks() == pytest.approx([7, 0, 1999])
    assert record.first_prompt == "<s> Which is the largest?"
    assert record.to_json().encode() == (GOLDEN_2 / record.path).read_bytes()


def test_golden_file_of_schema_3_is_read() -> None:
    """Written once and never again, too."""
    store = LocalStore(GOLDEN_3)
    [record] = store.results("microworld")
    assert store.skipped == []
    assert record.schema_version == 3
    cost = record.cost
    assert (cost.training_loop_seconds, cost.model_flop_utilisation, cost.determinism) == (8.5, 0.375, "strict")
    assert record.to_json().encode() == (GOLDEN_3 / record.path).read_bytes()


def test_golden_file_of_schema_4_is_read() -> None:
    """Written once and never again, too."""
    store = LocalStore(GOLDEN_4)
    [record] = store.results("microworld")
    assert store.skipped == []
    assert record.schema_version == 4
    assert record.remarks == ("approximate: 10 neighbours alone", "2 of 9 types are absent – größer wäre besser")
    assert record.training is not None
    assert record.training.versions == VERSIONS
    assert record.to_json().encode() == (GOLDEN_4 / record.path).read_bytes()


def trained_by(versions: dict[str, str]) -> Training:
    training = result().training
    assert training is not None
    return Training(**training.model_dump() | {"versions": versions})


def test_a_record_of_schema_3_has_no_remarks_and_no_versions_of_its_training() -> None:
    old = result(schema_version=3)
    document = json.loads(old.to_json())
    assert "remarks" not in document
    assert "versions" not in document["training"]
    assert Result.model_validate(document).to_json() == old.to_json()
    assert json.loads(result(spec="untuned", schema_version=3).to_json())["training"] is None
    for later in ({"remarks": ("approximate",)}, {"training": trained_by(VERSIONS)}):
        with pytest.raises(ValidationError, match="came with schema 4"):
            result(schema_version=3, **later)


def test_what_a_stranger_wrote_is_no_remark_and_no_version_unless_it_can_be_shown() -> None:
    longest = "x" * LONGEST_REMARK
    assert result(remarks=[longest] * MOST_REMARKS).remarks == (longest,) * MOST_REMARKS
    for wrong in ("", "x" + longest, " x", "two\nlines", "\x1b[31mred", "left\u202eright", "\ue000", "\u00ad", 1, None):
        with pytest.raises(ValidationError):
            result(remarks=[wrong])
    for several in ([longest] * (MOST_REMARKS + 1), "text", {"a": 1}):
        with pytest.raises(ValidationError):
            result(remarks=several)
    for versions in (
        {"trl": "1.0\n"},
        {"trl": "1; drop"},
        {"trl": ""},
        {"trl": "1" * 81},
        {"<b>": "1"},
        {"trl": 1},
        {f"a{number}": "1" for number in range(21)},
    ):
        with pytest.raises(ValidationError):
            trained_by(versions)


@given(st.lists(st.text(max_size=400), max_size=30))
def test_whatever_a_strategy_says_becomes_remarks_that_a_record_takes(said: list[str]) -> None:
    remarks = as_remarks(said)
    assert result(remarks=remarks).remarks == remarks
    assert len(set(remarks)) == len(remarks)
    assert bool(remarks) == any(text.strip() for text in said)


def test_remarks_are_one_line_each_and_say_what_was_left_out() -> None:
    said = [" a\n b\t", "a b", "\x1b[31mred", "x" * 10**6, ""]
    assert as_remarks(said) == ("a b", "�[31mred", "x" * (LONGEST_REMARK - 1) + "…")
    many = as_remarks(f"number {number}" for number in range(50))
    assert many[-2:] == ("number 18", "31 more remarks are left out")
    assert len(many) == MOST_REMARKS


def test_a_record_of_schema_2_has_no_costs_that_came_later() -> None:
    old = result(schema_version=2)
    assert "determinism" not in json.loads(old.to_json())["cost"]
    assert Result.model_validate_json(old.to_json()).to_json() == old.to_json()
    with pytest.raises(ValidationError, match="came with schema 3"):
        Result.model_validate({**old.model_dump(), "cost": {**old.cost.model_dump(), "determinism": "strict"}})


def test_a_record_of_schema_1_has_none_of_what_came_later() -> None:
    old = result(schema_version=1)
    assert not {"picks", "first_prompt"} & set(json.loads(old.to_json()))
    assert Result.model_validate_json(old.to_json()).record_id == old.record_id != result().record_id
    for later in ({"picks": pack_picks(np.arange(500))}, {"first_prompt": "x"}):
        with pytest.raises(ValidationError, match="came with schema 2"):
            result(schema_version=1, **later)


def test_cost_is_no_part_of_the_identity() -> None:
    fast, slow = result(training_seconds=1.0, host="a"), result(training_seconds=99.0, host="b")
    assert fast.content_sha256 == slow.content_sha256
    assert fast.path == slow.path


@pytest.mark.parametrize(
    "other",
    [
        result([task([1.0, 0.0, 0.0])]),
        result(engine="vllm"),
        result(first_prompt_ids=(1, 2, 4)),
        result(supersedes="0" * 16),
        result(training_seed=1),
        result(picks=pack_picks(np.arange(500))),
        result(first_prompt="<s> Say yes."),
        result(remarks=("approximate",)),
        result(training=trained_by(VERSIONS)),
    ],
)
def test_everything_else_is(other: Result) -> None:
    assert other.content_sha256 != result().content_sha256


def test_the_cell_id_depends_on_every_part_of_the_cell() -> None:
    cell = result().cell
    changes = {"budget": 501, "base_model": "other", "selection_seed": 1, "training_seed": 1, "spec": "longest:x=1"}
    ids = {CellIdentity(**(cell.model_dump() | {key: value})).id for key, value in changes.items()}
    assert len(ids | {cell.id}) == len(changes) + 1


def test_a_record_survives_its_json() -> None:
    record = result([task([0.1, 0.7]), task([2.5], "bits", unit="bits-per-byte", kind="likelihood")])
    assert Result.model_validate_json(record.to_json()) == record
    assert json.loads(record.to_json())["schema_version"] == 4


@given(arrays.arrays(np.float32, st.integers(1, 200), elements=st.floats(-100, 100, width=32)))
def test_packed_values_come_back(values: np.ndarray) -> None:
    packed = TaskScore.pack(values, name="t", kind="k", unit="accuracy", chance=0.0, items_sha256="0" * 64)
    assert packed.items == len(values)
    np.testing.assert_array_equal(packed.unpack(), values.astype(np.float64))


@pytest.mark.parametrize(
    "change", [{"budget": -1}, {"track": "Up/.."}, {"spec": "x" * 401}, {"spec": "random"}, {"track_identity": "ab"}]
)
def test_cells_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CellIdentity(**(result().cell.model_dump() | change))


def test_a_task_stands_once() -> None:
    with pytest.raises(ValidationError, match="stands twice"):
        result([task([1.0]), task([0.0])])


@given(st.lists(st.integers(0, 2**31 - 1), max_size=200, unique=True))
def test_picks_come_back_in_order(rows: list[int]) -> None:
    record = result(selection_size=len(rows), picks=pack_picks(np.array(rows, dtype=np.int64)))
    found = Result.model_validate_json(record.to_json()).unpack_picks()
    assert found is not None
    assert found.dtype == np.int64
    assert found.tolist() == rows


def test_picks_that_cannot_be_are_refused() -> None:
    assert result().unpack_picks() is None
    packed = pack_picks(np.arange(500))
    below = base64.b64encode(zlib.compress(np.array([-1, *range(499)], dtype="<i4").tobytes())).decode()
    twice = pack_picks(np.array([3] * 2 + list(range(10, 508))))
    bomb = base64.b64encode(zlib.compress(bytes(10**8), 9)).decode()
    for picks, said in (
        (packed[:100], "bytes where 2000"),
        ("no base64!", "damaged"),
        (pack_picks(np.arange(499)), "1996 bytes where 2000"),
        (pack_picks(np.arange(501)), "2001 bytes where 2000"),
        (below, "row -1 lies before the pool"),
        (twice, "longest may not pick a row twice"),
        (bomb, "2001 bytes where 2000"),
    ):
        record = result(picks=picks)
        with pytest.raises(ValueError, match=said):
            record.unpack_picks()
        # No reader of a store takes such a record for one.
        assert isinstance(read_record(record.path, record.to_json().encode()), Skipped)
    repeated = result(spec="duplicate", picks=twice).unpack_picks()
    assert repeated is not None
    assert repeated[:2].tolist() == [3, 3]
    with pytest.raises(ValueError, match="more than a record may hold"):
        result(selection_size=10**9, picks=packed).unpack_picks()
    with pytest.raises(ValidationError, match="without the hash"):
        result(spec="untuned", picks=packed)
    for wrong in ([-1], [2**31]):
        with pytest.raises(ValueError, match="row positions"):
            pack_picks(np.array(wrong))
