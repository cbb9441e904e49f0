"""The pool object: views, reading by rows, ids, and a fingerprint that notices every change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SelectionError
from suite.pool.pool import Pool, Sample, fingerprint, pool_from_records

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SAMPLES = st.builds(
    Sample,
    id=TEXT,
    instruction=TEXT,
    input=TEXT,
    output=TEXT,
    source=TEXT,
    turns=st.one_of(
        st.just(()),
        st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXT), min_size=2, max_size=4).map(tuple),
    ),
)


def chunked_pool(sizes: list[int]) -> Pool:
    """A pool whose table has chunks of the given sizes, as a file on disk has."""
    count = sum(sizes)
    whole = pool_from_records(
        [{"id": f"n{row}", "instruction": f"Q{row}", "output": f"a{row}"} for row in range(count)]
    )
    starts = np.cumsum([0, *sizes])
    tables = [whole.table.slice(start, size) for start, size in zip(starts, sizes, strict=False)]
    return dataclasses.replace(whole, table=pa.concat_tables(tables))


def test_views() -> None:
    assert Sample("0", "Add.", "1 2", "3", "s").view("instruction") == "Add.\n1 2"
    assert Sample("0", "Add.", "", "3", "s").view("instruction") == "Add."
    assert Sample("0", "Add.", "1 2", "3", "s").view("response") == "3"
    assert Sample("0", "Add.", "1 2", "3", "s").view("both") == "Add.\n1 2\n3"


@given(st.data(), st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(1, 7))
def test_rows_are_read_in_the_order_asked_across_chunks(data: st.DataObject, sizes: list[int], batch: int) -> None:
    pool = chunked_pool(sizes)
    rows = data.draw(st.lists(st.integers(0, len(pool) - 1), max_size=20)) if len(pool) else []
    assert [sample.id for sample in pool.samples(rows, batch_size=batch)] == [f"n{row}" for row in rows]
    assert [sample.id for sample in pool.samples(batch_size=batch)] == [f"n{row}" for row in range(len(pool))]
    assert list(pool.texts("response", rows)) == [f"a{row}" for row in rows]
    assert pool.id_of(np.asarray(rows, dtype=np.int64)) == tuple(f"n{row}" for row in rows)
    assert list(pool.rows(f"n{row}" for row in rows)) == rows


def test_an_unknown_id_is_named_with_its_line_and_what_ids_look_like() -> None:
    with pytest.raises(SelectionError, match=r"Id 'x' \(line 2\) is not in the pool, whose ids look like 'n0'"):
        chunked_pool([3]).rows(["n1", "x"])


@given(st.lists(SAMPLES, min_size=1, max_size=5), st.data())
def test_fingerprint_changes_with_any_text_and_with_order_but_not_with_ids(
    samples: list[Sample], data: st.DataObject
) -> None:
    base = fingerprint(samples)
    row = data.draw(st.integers(0, len(samples) - 1))
    name = data.draw(st.sampled_from(["instruction", "input", "output"]))
    changed = dataclasses.replace(samples[row], **{name: getattr(samples[row], name) + "!"})
    assert fingerprint([*samples[:row], changed, *samples[row + 1 :]]) != base
    more_turns = dataclasses.replace(samples[row], turns=(*samples[row].turns, ("user", "more")))
    assert fingerprint([*samples[:row], more_turns, *samples[row + 1 :]]) != base
    renamed = dataclasses.replace(samples[row], id="other", source="other")
    assert fingerprint([*samples[:row], renamed, *samples[row + 1 :]]) == base
    assert fingerprint([*samples, samples[0]]) != base
    contents = [dataclasses.replace(sample, id="", source="") for sample in samples]
    if contents != contents[::-1]:
        assert fingerprint(samples[::-1]) != base


def test_text_does_not_slide_from_one_field_to_the_next() -> None:
    assert fingerprint([Sample("0", "ab", "", "c", "s")]) != fingerprint([Sample("0", "a", "b", "c", "s")])


@given(st.lists(SAMPLES, max_size=5))
def test_records_round_trip(samples: list[Sample]) -> None:
    pool = pool_from_records([dataclasses.asdict(sample) for sample in samples])
    assert list(pool.samples()) == samples
    assert pool.fingerprint == fingerprint(samples)
