"""The wire between tests and a generated program: values come over as they are, and nothing else comes over."""

from __future__ import annotations

import json
import math
import os
from collections import Counter, OrderedDict, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.intake.sandbox.calling import DEEPEST, Gone, Series, Thing, Wire, decoded, encoded

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=12,
)


def over(value: Any) -> Any:
    """The value as it arrives at the other end."""
    return decoded(json.loads(json.dumps(encoded(value))))


def shape(value: Any) -> Any:
    """Types all the way down: True is no 1, and a list is no tuple."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [shape(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(str(shape(item)) for item in value)
    return type(value)


@given(VALUES)
@settings(deadline=None)
def test_plain_data_comes_over_as_it_is(value: Any) -> None:
    arrived = over(value)
    assert arrived == value
    assert shape(arrived) == shape(value)


def test_what_is_nearly_plain_counts_as_what_it_equals() -> None:
    Point = namedtuple("Point", "x y")
    Colour = IntEnum("Colour", "RED BLUE")
    for value, plain in (
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict([(2, 1), (1, 2)]), {2: 1, 1: 2}),
        (Point(1, 2), (1, 2)),
        (Colour.BLUE, 2),
        (10**6000, 10**6000),
        (bytearray(b"ab"), bytearray(b"ab")),
        ("\ud800", "\ud800"),
    ):
        assert over(value) == plain
        assert type(over(value)) is type(plain)
    assert math.isnan(over(math.nan))
    assert math.copysign(1, over(-0.0)) == -1


def test_what_is_no_plain_data_equals_nothing() -> None:
    class Yes:
        def __eq__(self, other: object) -> bool:
            return True

    for value in (Yes(), object(), len, print, [1].__iter__, {}.keys()):
        assert isinstance(over(value), Thing)
        assert over(value) != value or isinstance(value, Yes)
        assert over(value) != over(value)
    for value in (iter([1, 2]), (n for n in (1, 2)), map(int, "12"), range(1, 3)):
        arrived = over(value)
        assert isinstance(arrived, Series)
        assert arrived != [1, 2]
        assert list(arrived) == [1, 2]


def test_a_value_that_holds_itself_is_an_error() -> None:
    own: list[Any] = []
    own.append(own)
    with pytest.raises(RecursionError):
        encoded(own)
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    assert over(deep) == deep


BROKEN = [
    "",
    "{}",
    "5",
    "[]",
    '"ab"',
    "{",
    "9" * 10**6,
    "[" * 10**5,
    '["i", 3]',
    '["i", "x"]',
    '["f", "x"]',
    '["s", 3]',
]


@pytest.mark.parametrize("said", [*BROKEN, '["l", 3]', '["S", [["l", []]]]', '["z", 1]', '["i", NaN]', '["d", [[1]]]'])
def test_whatever_else_arrives_is_no_value(said: str) -> None:
    reading, writing = os.pipe()
    wire = Wire(reading, writing)
    with os.fdopen(writing, "wb", buffering=0) as end, os.fdopen(reading):
        content = said.encode() + b"\n"
        if len(content) > 2**16:
            content = content[: 2**16 - 1] + b"\n"  # a pipe holds no more while nobody reads
        end.write(content)
        with pytest.raises((Gone, ValueError, TypeError, KeyError, AttributeError)):
            decoded(wire.receive())


def test_an_end_is_told_from_a_value() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"value"')
    os.close(writing)
    with pytest.raises(Gone, match="it had ended"):
        Wire(reading, writing).receive()
    os.close(reading)
