"""Outcomes of studies: kept whole, read back equal, and never mistaken for another version's or track's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import StoreError
from suite.studies.kept import KeptPart, KeptStudy, Number, keep, read_kept


class Part(KeptPart):
    value: Number


class Outcome(KeptStudy):
    schema_version: int = 2
    parts: tuple[Part, ...]


OUTCOME = Outcome(track="microworld", parts=(Part(value=1.5), Part(value=float("nan"))))


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    assert read_kept(tmp_path, "microworld", "ladder", Outcome) is None
    path = keep(tmp_path, "microworld", "ladder", OUTCOME)
    assert path == tmp_path / "studies" / "microworld" / "ladder.json"
    assert json.loads(path.read_text())["parts"] == [{"value": 1.5}, {"value": None}]
    assert read_kept(tmp_path, "microworld", "ladder", Outcome) == OUTCOME
    keep(tmp_path, "microworld", "ladder", Outcome(track="microworld", parts=()))
    assert [file.name for file in path.parent.iterdir()] == ["ladder.json"]
    again = read_kept(tmp_path, "microworld", "ladder", Outcome)
    assert again is not None
    assert again.parts == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 3}, "schema version 3, and this Breadth reads up to 2"),
        ({"parts": 1}, "parts: Input should be a valid tuple"),
        ({"more": 1}, "more: Extra inputs"),
        ({"track": "m2m"}, "of track 'm2m', not of 'microworld'"),
        (None, "is damaged"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, change: dict[str, Any] | None, message: str) -> None:
    path = keep(tmp_path, "microworld", "ladder", OUTCOME)
    text = path.read_text()
    path.write_text(text[: len(text) // 2] if change is None else json.dumps(json.loads(text) | change))
    with pytest.raises(StoreError, match=message):
        read_kept(tmp_path, "microworld", "ladder", Outcome)
