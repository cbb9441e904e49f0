"""Published sets: pinned, found by ids or by texts to the same rows, and refused when anything differs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suite.errors import FeatureError, StorageError, UnknownNameError
from suite.hashing import content_key
from suite.pool import Pool, pool_from_records
from suite.pool.published import ALPACA_52K, SETS, PublishedSet, published_rows, rows_hash
from suite.track import Source, load_track

ROWS = [4, 0, 2]


@pytest.fixture
def pool() -> Pool:
    """Six samples, the row before the third being dropped; rows 2 and 5 are equal."""
    outputs = ["zero", "one", "twin", "three", "four", "twin"]
    return pool_from_records(
        [
            {"id": str(row + (row > 2)), "instruction": "say" if text == "twin" else f"say {row}", "output": text}
            for row, text in enumerate(outputs)
        ]
    )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    return tmp_path


def written(path: Path, content: Any) -> str:
    """The sha256 of what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def texts(pool: Pool, rows: list[int]) -> list[dict[str, str]]:
    return [
        {name: getattr(sample, name) for name in ("instruction", "input", "output")} for sample in pool.samples(rows)
    ]


def listed(
    monkeypatch: pytest.MonkeyPatch, pool: Pool, *, ids: str = "0" * 64, file: str = "0" * 64, rows: list[int] = ROWS
) -> None:
    """List the set `mine` with the given hashes of its two sources."""
    source = Source(local="selections/ids.json", sha256=ids)
    pinned = rows_hash(np.asarray(rows))
    chosen = PublishedSet(
        "", "owner/name", "0" * 40, "kept.json", file, "kept", pinned, pool.fingerprint, "six", source
    )
    monkeypatch.setitem(SETS, "mine", chosen)


def public(data: Path) -> Path:
    return data / "sources" / "owner" / "name" / ("0" * 40) / "kept.json"


def test_the_sets_are_pinned_and_of_the_pool_of_alpaca_cpu() -> None:
    assert load_track("alpaca-cpu").pool.fingerprint == ALPACA_52K
    assert len({chosen.rows_sha256 for chosen in SETS.values()}) == len(SETS) == 5
    for chosen in SETS.values():
        (source,) = chosen.part().sources()
        assert source.url.startswith(f"https://raw.githubusercontent.com/{chosen.repository}/{chosen.commit}/data") or (
            "cherry_data_v1" in source.url
        )
        assert chosen.pool == ALPACA_52K
        assert source.sha256


def test_by_ids_whichever_way_they_are_written(data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    ids = ["six/00005", "six/00000", "six/00002"]
    sha = written(data / "selections" / "ids.json", {"kept": {"ids": ids}})
    listed(monkeypatch, pool, ids=sha)
    assert published_rows("mine", pool).tolist() == ROWS


def test_by_texts_where_no_list_of_ids_is_at_hand(data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    kept = [*texts(pool, ROWS), {"instruction": "dropped", "input": "", "output": " "}, *texts(pool, [5])]
    listed(monkeypatch, pool, file=written(public(data), kept), rows=[*ROWS, 5])
    # The twins are taken in order: the first stands for the first, the second for the second.
    assert published_rows("mine", pool).tolist() == [*ROWS, 5]


def test_a_text_that_the_pool_does_not_have(data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    kept = [*texts(pool, ROWS), {"instruction": "say 0", "input": "", "output": "Zero"}]
    listed(monkeypatch, pool, file=written(public(data), kept))
    with pytest.raises(FeatureError, match=r"kept\.json holds a row the pool does not: kept/00003"):
        published_rows("mine", pool)


def test_other_rows_than_those_pinned(data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    sha = written(data / "selections" / "ids.json", {"kept": {"ids": ["0", "5", "2"]}})
    listed(monkeypatch, pool, ids=sha)
    with pytest.raises(FeatureError, match="comes to other rows"):
        published_rows("mine", pool)


@pytest.mark.parametrize("content", [{"other": {"ids": []}}, {"kept": {"ids": ["77"]}}, {"kept": {}}, [1]])
def test_a_list_of_ids_that_is_no_such_list(
    data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool, content: Any
) -> None:
    listed(monkeypatch, pool, ids=written(data / "selections" / "ids.json", content))
    with pytest.raises(StorageError, match="does not list kept by ids of this pool"):
        published_rows("mine", pool)


def test_a_changed_list_of_ids_is_refused_not_passed_over(
    data: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> None:
    written(data / "selections" / "ids.json", {"kept": {"ids": ["0"]}})
    listed(monkeypatch, pool, ids=content_key("another"), file=written(public(data), texts(pool, ROWS)))
    with pytest.raises(StorageError, match="stated is"):
        published_rows("mine", pool)


def test_another_pool_and_an_unknown_set(pool: Pool) -> None:
    with pytest.raises(FeatureError, match="was kept from Alpaca 52k"):
        published_rows("car", pool)
    with pytest.raises(UnknownNameError, match="no published set 'lima'"):
        published_rows("lima", pool)
