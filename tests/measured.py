"""A pool of random texts, some empty and some equal, and its metrics; shared by the tests of metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suite.features import Feature, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.registry import metrics
from suite.selection import Selection

EMPTY_ROWS = (7, 50, 51)
EQUAL_ROWS = (20, 21, 22)


def text_pool(size: int = 120) -> Pool:
    """Texts of up to 60 words drawn by Zipf; EMPTY_ROWS have an empty response, EQUAL_ROWS the same text."""
    rng = np.random.default_rng(4)
    vocabulary = np.asarray([f"w{number}" for number in range(300)])

    def words(count: int) -> str:
        return " ".join(vocabulary[rng.zipf(1.4, size=count) % len(vocabulary)])

    records = [
        {"id": str(row), "instruction": words(rng.integers(1, 20)), "output": words(rng.integers(1, 60))}
        for row in range(size)
    ]
    for row in EMPTY_ROWS:
        records[row]["output"] = ""
    for row in EQUAL_ROWS:
        records[row] |= {"instruction": records[EQUAL_ROWS[0]]["instruction"], "output": "the same answer again"}
    return pool_from_records(records)


class Bench:
    """Measures metrics of a pool, features cached in a folder."""

    def __init__(self, pool: Pool, folder: Path):
        self.pool = pool
        self.track = TrackContext("test", len(pool), embedder="tfidf-svd?dimensions=16", tokenizer="words")
        self.store = FeatureStore(folder)

    def feature(self, wanted: Feature) -> object:
        """One feature, opened."""
        return compute_features([wanted], self.pool, self.track, self.store).features[wanted]

    def measure(self, spec: str, rows: list[int] | np.ndarray) -> float:
        """The metric of a selection of these rows."""
        metric = metrics.parse(spec)
        features = compute_features(metric.requires(self.track), self.pool, self.track, self.store).features
        return metric.measure(self.selection(rows), self.pool, features)

    def selection(self, rows: list[int] | np.ndarray) -> Selection:
        """A selection of these rows, repeats allowed."""
        picked = np.asarray(rows, dtype=np.int64)
        return Selection("test", picked, self.pool.id_of(picked), self.pool.fingerprint, len(picked))
