"""Every known shape becomes the sample it should; every drop rule has its reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.pool.pool import Sample
from suite.pool.shapes import DroppedRowError, DropReason, fits_a_shape, known_shapes, to_sample

PAIR = {"instruction": "Add.", "input": "1 2", "output": "3"}


def sample(record: dict[str, Any], **options: Any) -> Sample:
    return to_sample(record, row=7, source="file", **options)


@pytest.mark.parametrize(
    "record",
    [
        PAIR,
        {**PAIR, "text": "ignored", "score": 4.5},
        {"instruction": "Add.", "context": "1 2", "response": "3"},
        {"instruction": "Add.", "input": "1 2", "response": "3"},
    ],
)
def test_pairs_with_an_input(record: dict[str, Any]) -> None:
    assert sample(record) == Sample("7", "Add.", "1 2", "3", "file")


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Add 1 2.", "input": None, "output": "3"},
        {"prompt": "Add 1 2.", "completion": "3"},
        {"prompt": "Add 1 2.", "response": "3"},
        {"conversations": [{"from": "human", "value": "Add 1 2."}, {"from": "gpt", "value": "3"}]},
        {"conversations": [{"role": "user", "content": "Add 1 2."}, {"role": "assistant", "content": "3"}]},
        {"messages": [{"role": "user", "content": "Add 1 2."}, {"role": "assistant", "content": "3"}]},
        {"messages": None, "prompt": "Add 1 2.", "completion": "3"},
        {
            "prompt": "other",
            "response": "x",
            "messages": [{"role": "USER", "content": "Add 1 2."}, {"role": "model", "content": "3"}],
        },
    ],
)
def test_one_exchange_in_every_shape_is_the_same_sample(record: dict[str, Any]) -> None:
    assert sample(record) == Sample("7", "Add 1 2.", "", "3", "file")


def test_several_turns_are_kept_and_views_join_them() -> None:
    turns = [("system", "Be brief."), ("human", "A?"), ("gpt", "a"), ("human", "B?"), ("gpt", "b")]
    made = sample({"conversations": [{"from": role, "value": text} for role, text in turns]})
    assert made.turns == (
        ("system", "Be brief."),
        ("user", "A?"),
        ("assistant", "a"),
        ("user", "B?"),
        ("assistant", "b"),
    )
    assert (made.instruction, made.output) == ("A?", "a")
    assert made.view("instruction") == "Be brief.\nA?\nB?"
    assert made.view("response") == "a\nb"


def test_ends_of_a_conversation_that_teach_nothing_are_cut() -> None:
    turns = [("assistant", "Hi!"), ("user", "A?"), ("assistant", "a"), ("user", "Thanks")]
    made = sample({"messages": [{"role": role, "content": text} for role, text in turns]})
    assert made == Sample("7", "A?", "", "a", "file")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**PAIR, "output": ""}, DropReason.EMPTY_OUTPUT),
        ({**PAIR, "output": " \n\t"}, DropReason.EMPTY_OUTPUT),
        ({**PAIR, "output": None}, DropReason.EMPTY_OUTPUT),
        ({"instruction": " ", "input": "", "output": "3"}, DropReason.MISSING_INSTRUCTION),
        ({"instruction": None, "output": "3"}, DropReason.MISSING_INSTRUCTION),
        ({**PAIR, "output": 3}, DropReason.NOT_TEXT),
        ({**PAIR, "instruction": ["Add."]}, DropReason.NOT_TEXT),
        ({**PAIR, "input": {"a": 1}}, DropReason.NOT_TEXT),
        ({**PAIR, "id": 1.5}, DropReason.NOT_TEXT),
        ({**PAIR, "id": True}, DropReason.NOT_TEXT),
        ({**PAIR, "output": "\ud800"}, DropReason.INVALID_UTF8),
        ({**PAIR, "id": "\ud800"}, DropReason.INVALID_UTF8),
        ({"question": "Add.", "answer": "3"}, DropReason.UNKNOWN_SHAPE),
        ({"messages": []}, DropReason.MISSING_INSTRUCTION),
        ({"messages": [{"role": "user", "content": "A?"}]}, DropReason.EMPTY_OUTPUT),
        ({"messages": [{"role": "assistant", "content": "a"}]}, DropReason.MISSING_INSTRUCTION),
        ({"messages": [{"role": "tool", "content": "a"}]}, DropReason.UNKNOWN_ROLE),
        ({"messages": "user: A?"}, DropReason.NOT_TEXT),
        ({"messages": ["A?"]}, DropReason.NOT_TEXT),
        (
            {"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": ""}]},
            DropReason.EMPTY_OUTPUT,
        ),
    ],
)
def test_a_row_that_breaks_a_rule_has_its_reason(record: dict[str, Any], reason: DropReason) -> None:
    with pytest.raises(DroppedRowError) as caught:
        sample(record)
    assert caught.value.reason is reason


def test_a_5_mb_sample_is_over_the_limit_and_the_limit_counts_bytes() -> None:
    with pytest.raises(DroppedRowError) as caught:
        sample({**PAIR, "output": "x" * 5_000_000})
    assert caught.value.reason is DropReason.TOO_LARGE
    # instruction 4, input 3, id 1 and source 4 bytes leave 8 of 20: four letters of two bytes each.
    assert sample({**PAIR, "output": "é" * 4}, max_bytes=20).output == "éééé"
    with pytest.raises(DroppedRowError):
        sample({**PAIR, "output": "é" * 4 + "x"}, max_bytes=20)


@pytest.mark.parametrize(
    ("given_id", "prefix", "expected"),
    [
        (None, "", "7"),
        ("", "", "7"),
        (12, "", "12"),
        ("a-1", "", "a-1"),
        ("00012", "", "00012"),
        ("alpaca-52k/00012", "alpaca-52k/", "12"),
        ("alpaca-52k/00000", "alpaca-52k/", "0"),
        ("alpaca-52k/x-1", "alpaca-52k/", "x-1"),
        ("00012", "alpaca-52k/", "00012"),
    ],
)
def test_ids(given_id: Any, prefix: str, expected: str) -> None:
    assert sample({**PAIR, "id": given_id}, id_prefix=prefix).id == expected


def test_source_column_wins_over_the_files_name() -> None:
    assert sample({**PAIR, "source": "dolly"}).source == "dolly"
    assert sample({**PAIR, "source": None}).source == "file"


def test_columns_that_fit() -> None:
    assert fits_a_shape(["id", "prompt", "completion"])
    assert not fits_a_shape(["prompt", "instruction"])
    assert "instruction + output" in known_shapes()
    assert "conversations (from/value)" in known_shapes()


@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "human", "gpt"]), st.text(st.characters(codec="utf-8"), max_size=8)),
        max_size=8,
    )
)
def test_any_conversation_is_dropped_or_ends_with_a_reply(turns: list[tuple[str, str]]) -> None:
    try:
        made = sample({"conversations": [{"from": role, "value": text} for role, text in turns]})
    except DroppedRowError:
        return
    assert made.instruction.strip()
    assert made.output.strip()
    if made.turns:
        assert made.turns[-1][0] == "assistant"
        assert next(role for role, _ in made.turns if role != "system") == "user"
    assert made.response.strip()
