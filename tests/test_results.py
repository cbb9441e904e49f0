"""The result record: its identity, its packed values, and the golden file of schema 1."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from factories import result, task
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from suite.results import CellIdentity, Result, TaskScore
from suite.stores import LocalStore

GOLDEN = Path(__file__).parent / "golden" / "store-schema-1"


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
    assert json.loads(record.to_json())["schema_version"] == 1


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
