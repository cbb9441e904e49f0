"""Verdicts: read strictly or not at all, and kept once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import EvaluationError, StorageError
from suite.evaluation.judging.verdicts import VerdictStore, check_readable, read_grade, read_preference


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Assistant A is better. [[A]]", "A"),
        ("[[B]]", "B"),
        ("Both are fine.\n\n[[C]]", "tie"),
        ("My final verdict is: [[A>>B]]", "A"),
        ("[[A>B]]", "A"),
        ("[[B>A]]", "B"),
        ("[[B>>A]]", "B"),
        ("[[A=B]]", "tie"),
        ("[[A]] ... as I said, [[A]]", "A"),
        ("[[A]] or rather [[A>B]]", "A"),
        ("[[A]] or [[B]]", None),
        ("[[A>A]]", None),
        ("[A]", None),
        ("A", None),
        ("[[D]]", None),
        ("[[a]]", None),
        ("", None),
    ],
)
def test_preferences(text: str, verdict: str | None) -> None:
    assert read_preference(text) == verdict


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Rating: [[8]]", 8.0),
        ("[[7.5]]", 7.5),
        ("[[10]]", 10.0),
        ("[[5]] and so [[5.0]]", 5.0),
        ("[[5]] or [[6]]", None),
        ("[[0]]", None),
        ("[[11]]", None),
        ("[[100]]", None),
        ("[8]", None),
        ("[[8/10]]", None),
        ("rating: 8", None),
    ],
)
def test_grades(text: str, grade: float | None) -> None:
    assert read_grade(text) == grade


@given(st.text(alphabet="[]ABC=>1.0 x", max_size=30))
def test_whatever_a_judge_writes_is_read_or_not(text: str) -> None:
    assert read_preference(text) in ("A", "B", "tie", None)
    grade = read_grade(text)
    assert grade is None or 1 <= grade <= 10


def test_too_much_rubbish_is_an_error() -> None:
    check_readable(["what?"], 10, "pairs", "judge")
    with pytest.raises(EvaluationError, match=r"the judge j gave no readable verdict on 2 of 10 prompts .*'what\?'"):
        check_readable(["what?", "eh?"], 10, "pairs", "j")


def test_a_verdict_is_kept_and_the_first_one_stays(tmp_path: Path) -> None:
    store = VerdictStore(tmp_path / "verdicts" / "judge.sqlite")
    assert store.known(["one", "two"]) == {}
    store.keep([("one", "task", "7/first", "[[A]]")])
    VerdictStore(store.path).keep([("one", "task", "7/first", "[[B]]"), ("two", "task", "7/last", "")])
    assert store.known(["one", "two", "three"]) == {"one": "[[A]]", "two": ""}


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "judge.sqlite"
    path.write_bytes(b"no database, though long enough to look like one " * 40)
    with pytest.raises(StorageError, match="holds no verdicts that can be read"):
        VerdictStore(path)


def test_a_store_in_anothers_hands_is_no_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = VerdictStore(tmp_path / "judge.sqlite")
    monkeypatch.setattr("suite.evaluation.judging.verdicts.PATIENCE", 0.01)
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match=r"could not be read or kept \(database is locked\)\. Run again"):
            store.keep([("one", "task", "7/first", "[[A]]")])
    store.keep([("one", "task", "7/first", "[[A]]")])
    assert store.known(["one"]) == {"one": "[[A]]"}
