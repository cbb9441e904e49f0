"""Metrics against their formulas, written out, on a selection with a repeated row."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from suite.errors import SelectionError
from suite.features import Embeddings, Tokens, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.microworld import world
from suite.pool import Pool, pool_from_records
from suite.registry import metrics
from suite.selection import Selection

ROWS = [3, 40, 7, 3, 90, 12]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return pool_from_records(world(2).pool_samples(120))


@pytest.fixture(scope="module")
def track(tiny_base: Path) -> TrackContext:
    return TrackContext("test", 120, embedder="tfidf-svd?dimensions=16", tokenizer=str(tiny_base))


def measure(spec: str, pool: Pool, track: TrackContext, folder: Path, rows: list[int]) -> float:
    metric = metrics.parse(spec)
    features = compute_features(metric.requires(track), pool, track, FeatureStore(folder)).features
    picked = np.asarray(rows, dtype=np.int64)
    selection = Selection("test", picked, pool.id_of(picked), pool.fingerprint, len(rows))
    return metric.measure(selection, pool, features)


def test_mean_length_and_ttr(pool: Pool, track: TrackContext, tmp_path: Path) -> None:
    for view in ("response", "instruction"):
        wanted = Tokens(view=view)  # type: ignore[arg-type]
        tokens = compute_features([wanted], pool, track, FeatureStore(tmp_path)).features[wanted]
        lists = [tokens[row].tolist() for row in ROWS]
        every = [token for ids in lists for token in ids]
        assert measure(f"mean-length:view={view}", pool, track, tmp_path, ROWS) == pytest.approx(len(every) / 6)
        assert measure(f"ttr:view={view}", pool, track, tmp_path, ROWS) == pytest.approx(len(set(every)) / len(every))


def test_embedding_distance(pool: Pool, track: TrackContext, tmp_path: Path) -> None:
    rows = compute_features([Embeddings()], pool, track, FeatureStore(tmp_path)).features[Embeddings()]
    pairs = [1 - float(rows[one].astype(float) @ rows[other].astype(float)) for one, other in combinations(ROWS, 2)]
    found = measure("embedding-distance", pool, track, tmp_path, ROWS)
    assert found == pytest.approx(np.mean(pairs), abs=1e-6)
    assert measure("embedding-distance", pool, track, tmp_path, ROWS[::-1]) == pytest.approx(found)
    assert measure("embedding-distance", pool, track, tmp_path, [5, 5, 5]) == pytest.approx(0, abs=1e-6)


def test_metrics_without_a_value_say_so(pool: Pool, track: TrackContext, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="at least two picks"):
        measure("embedding-distance", pool, track, tmp_path, [5])
    silent = pool_from_records([{"id": "0", "instruction": "say nothing", "output": ""}])
    with pytest.raises(SelectionError, match="is empty"):
        measure("ttr", silent, track, tmp_path, [0])
