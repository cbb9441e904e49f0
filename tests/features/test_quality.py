"""Scores read from a parquet file, matched by id, checked; and the strategies' weight made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strategies.quality import QualityWeight
from suite.errors import FeatureError, ParameterError
from suite.features import TrackContext
from suite.features.quality import Quality, QualityScores
from suite.features.store import FeatureSet, FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.registry import strategies

IDS = ["a", "b", "7", "d"]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return pool_from_records([{"id": name, "instruction": f"say {name}", "output": name * 3} for name in IDS])


def write(path: Path, scores: Any, ids: Any = tuple(IDS), column: str = "quality") -> str:
    pq.write_table(pa.table({"id": list(ids), column: scores}), path)
    return str(path)


def computed(file: str, pool: Pool, folder: Path, column: str = "quality") -> FeatureSet:
    return compute_features([Quality(file, column)], pool, TrackContext("test", len(pool)), FeatureStore(folder))


def scores(file: str, pool: Pool, folder: Path, column: str = "quality") -> QualityScores:
    (found,) = computed(file, pool, folder, column).features.values()
    assert isinstance(found, QualityScores)
    return found


def test_scores_follow_the_pools_order(pool: Pool, tmp_path: Path) -> None:
    file = write(tmp_path / "s.parquet", [0.5, 4.0, 0.0, 1.0, 9.0], ids=["d", "7", "a", "b", "elsewhere"])
    found = scores(file, pool, tmp_path)
    assert found.values.tolist() == [0.0, 1.0, 4.0, 0.5]
    assert found.values.dtype == np.float64
    assert found.unknown_ids == 1


def test_integer_scores_and_ids_and_another_column(tmp_path: Path) -> None:
    pool = pool_from_records([{"id": str(row), "instruction": "say", "output": "yes " * row} for row in (1, 2, 3)])
    file = write(tmp_path / "s.parquet", [3, 10**18 + 1, 2], ids=[3, 1, 2], column="reward")
    assert scores(file, pool, tmp_path, "reward").values.tolist() == [1e18, 2.0, 3.0]


def test_what_counts_is_the_content_not_the_place(pool: Pool, tmp_path: Path) -> None:
    one = write(tmp_path / "one.parquet", [1.0, 2.0, 3.0, 4.0])
    (tmp_path / "two.parquet").write_bytes(Path(one).read_bytes())
    other = write(tmp_path / "other.parquet", [1.0, 2.0, 3.0, 5.0])
    keys = [FeatureStore(tmp_path).key(Quality(str(file)), pool) for file in (one, tmp_path / "two.parquet", other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("values", "ids", "message"),
    [
        ([1.0, np.nan, 1.0, 1.0], IDS, r"'quality' of .*s\.parquet scores id 'b' \(row 1\) with nan"),
        ([1.0, 1.0, 1.0, np.inf], IDS, r"scores id 'd' \(row 3\) with inf"),
        ([1.0, 1.0, -0.5, -1.0], IDS, r"scores id '7' \(row 2\) with -0\.5.*Bad scores: 2"),
        ([1.0, None, 1.0, 1.0], IDS, r"scores id 'b' \(row 1\) with nan"),
        ([1.0, 1.0, 1.0], ["a", "7", "x"], r"no score for 2 of the pool's 4 samples, first for id 'b'; 1 of its 3 ids"),
        ([1.0] * 5, [*IDS, "a"], r"scores id 'a' twice \(rows 0 and 4\)"),
        (["good"] * 4, IDS, r"'quality' of .* holds string values"),
    ],
)
def test_bad_scores(pool: Pool, tmp_path: Path, values: Any, ids: list[str], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        scores(write(tmp_path / "s.parquet", values, ids=ids), pool, tmp_path)


def test_bad_files(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="cannot be read: No such file"):
        scores(str(tmp_path / "none.parquet"), pool, tmp_path)
    (tmp_path / "broken.parquet").write_text("not parquet")
    with pytest.raises(FeatureError, match="no whole parquet file"):
        scores(str(tmp_path / "broken.parquet"), pool, tmp_path)
    file = write(tmp_path / "s.parquet", [1.0] * 4)
    with pytest.raises(FeatureError, match="no column 'reward'; it has: id, quality"):
        scores(file, pool, tmp_path, "reward")


def test_an_id_that_is_no_text(pool: Pool, tmp_path: Path) -> None:
    as_bytes = pa.array([b"a", b"\xa7"])
    file = tmp_path / "s.parquet"
    texts = pa.Array.from_buffers(pa.string(), 2, as_bytes.buffers())
    pq.write_table(pa.table({"id": texts, "quality": [0.5, 1.0]}), file)
    with pytest.raises(FeatureError, match="an id that is no UTF-8"):
        scores(str(file), pool, tmp_path)


def test_a_weight_is_the_score_to_a_power(pool: Pool, tmp_path: Path) -> None:
    weight = QualityWeight(write(tmp_path / "s.parquet", [0.0, 1.0, 2.0, 3.0]))
    track, store = TrackContext("test", len(pool)), FeatureStore(tmp_path)
    features = compute_features(weight.requires(), pool, track, store).features
    assert weight.read(features).tolist() == [0.0, 1.0, 2.0, 3.0]  # type: ignore[union-attr]
    assert weight.read(features, 2.0).tolist() == [0.0, 1.0, 4.0, 9.0]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="no finite number"):
        weight.read(features, 1e4)
    assert QualityWeight().read(features) is None
    assert QualityWeight().requires() == ()


def test_scores_of_other_samples_are_told(pool: Pool, tmp_path: Path) -> None:
    weight = QualityWeight(write(tmp_path / "s.parquet", [1.0] * 5, ids=[*IDS, "x"]))
    features = computed(weight.quality, pool, tmp_path).features
    with pytest.warns(UserWarning, match="1 ids of .* are not in the pool"):
        weight.read(features)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("quality=lenght", "'none', 'length' or a .parquet file"),
        ("quality=scores.csv", "'none', 'length' or a .parquet file"),
        ("quality=a,b.parquet", "holds no comma"),
        ("quality_column=reward", "needs quality=FILE.parquet"),
        ("quality=length,quality_column=reward", "needs quality=FILE.parquet"),
        ("quality_weight=-1", "must not be negative"),
        ("quality_weight=inf", "must not be negative"),
    ],
)
def test_what_is_no_quality(spec: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        strategies.parse(f"facility-location:{spec}")


def test_a_file_in_the_one_line_form() -> None:
    strategy = strategies.parse("facility-location:quality=data/a=b.parquet,quality_column=reward")
    assert strategy.parameters["quality"] == "data/a=b.parquet"
    assert strategies.parse(strategy.spec) == strategy
    with pytest.raises(ValueError, match="comma"):
        type(strategy)(quality="a,b.parquet")  # type: ignore[call-arg]
