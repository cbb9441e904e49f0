"""A track's pool: both places it may come from, its pin, and files of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.errors import PoolError
from suite.pool.loading import load_pool, open_pool
from suite.track import Track

ALPACA = "ea7891d8cf4f6b1639dbf4a9cf5f4d16133ce39d4f4fddbf4133893216ff6b9e"


def track_with_pool(**pool: object) -> Track:
    """A whole track whose pool is the given one."""
    record = {
        "name": "small",
        "version": 1,
        "title": "Small",
        "description": "A track for tests",
        "citation": "none",
        "licence": "Apache-2.0",
        "gpu_hours": 0,
        "pool": pool,
        "budgets": [{"count": 1, "default": True}],
        "base_models": [{"kind": "hub", "name": "tiny", "hub": "owner/tiny"}],
        "recipe": {
            "method": "full",
            "template": "alpaca",
            "epochs": 1,
            "learning_rate": 1e-3,
            "batch_size": 1,
            "max_length": 64,
        },
        "evaluation": {"tasks": [{"name": "gsm8k", "kind": "harness", "harness_task": "gsm8k"}]},
        "seeds": {"training": [0]},
    }
    return Track.model_validate(record)


def test_alpaca_has_its_samples_and_row_numbers_as_ids(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    said: list[str] = []
    track = track_with_pool(
        kind="dataset",
        hub="tatsu-lab/alpaca",
        local="pools/alpaca-52k.parquet",
        id_prefix="alpaca-52k/",
        size=51_974,
        fingerprint=ALPACA,
    )
    pool = load_pool(track, notify=said.append)
    assert len(pool) == 51_974
    assert pool.sample(0).id == "0"
    assert pool.sample(51_973).id == "52001"
    assert "local copy" in said[0]


def test_a_pool_with_another_fingerprint_is_refused_with_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.jsonl").write_text('{"instruction": "Add 1 and 2.", "input": "", "output": "3"}\n')
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    actual = open_pool(tmp_path / "mine.jsonl").fingerprint
    with pytest.raises(PoolError) as caught:
        load_pool(track_with_pool(kind="dataset", local="mine.jsonl", size=1, fingerprint="0" * 64))
    assert actual in str(caught.value)
    assert "0" * 64 in str(caught.value)
    with pytest.raises(PoolError, match="has 1 samples where the track states 2"):
        load_pool(track_with_pool(kind="dataset", local="mine.jsonl", size=2))
    said: list[str] = []
    loaded = load_pool(
        track_with_pool(kind="dataset", local="mine.jsonl", size=2, approximate=True), notify=said.append
    )
    assert len(loaded) == 1
    assert actual in said[-1]


def test_the_embedded_world_is_a_pool() -> None:
    track = track_with_pool(kind="microworld", world_seed=3, size=400)
    said: list[str] = []
    pool = load_pool(track, notify=said.append)
    assert len(pool) == 400
    assert len(set(pool.id_of(range(400)))) == 400
    assert pool.fingerprint == load_pool(track).fingerprint
    assert pool.fingerprint in said[0]
    assert pool.fingerprint != load_pool(track_with_pool(kind="microworld", world_seed=4, size=400)).fingerprint
    with pytest.raises(PoolError, match=pool.fingerprint):
        load_pool(track_with_pool(kind="microworld", world_seed=3, size=400, fingerprint="0" * 64))


def test_a_hub_dataset_gives_the_rows_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    monkeypatch.delenv("BREADTH_DATA", raising=False)
    rows = [{"instruction": f"Q{row}", "input": "", "output": "" if row == 2 else f"a{row}"} for row in range(3000)]
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    # `datasets` reads a folder through the same call as a dataset of the Hub.
    track = track_with_pool(kind="dataset", hub=str(tmp_path / "set"), local="set.jsonl", size=2999)
    said: list[str] = []
    pool = load_pool(track, notify=said.append)
    assert "from the Hub" in said[0]
    assert "1 empty output" in said[1]
    assert pool.sample(2).id == "3"
    assert pool.fingerprint == open_pool(tmp_path / "set" / "train.jsonl").fingerprint
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    load_pool(track, notify=said.append)
    assert "BREADTH_DATA has no set.jsonl" in " ".join(said)


def test_a_pool_that_cannot_be_had_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    with pytest.raises(PoolError, match=r"set BREADTH_DATA to a folder that has pools/open-117k.parquet.*rebuild"):
        load_pool(track_with_pool(kind="dataset", local="pools/open-117k.parquet", size=2, note="Use rebuild."))
    with pytest.raises(PoolError, match="cannot be had from the Hub") as caught:
        open_pool("nobody-at-all/nothing-here")
    assert "\n" not in str(caught.value)
