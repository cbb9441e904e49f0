"""A program for one test: tags a pool of short texts into a feature store, and says how far it is after each chunk."""

from __future__ import annotations

import sys
from pathlib import Path

from suite.features import Tags, TrackContext
from suite.features.store import FeatureStore
from suite.pool import Pool, pool_from_records

THINGS = ("lamp", "river", "engine", "carpet", "violin", "glacier", "harbour", "pepper")
TAGS = Tags(view="response").resolve(TrackContext("test", 1))


def short_pool(size: int) -> Pool:
    """Samples of two words each, every pair of THINGS in turn."""
    texts = [f"{first} {second}" for first in THINGS for second in THINGS]
    return pool_from_records([{"id": str(row), "output": texts[row % len(texts)]} for row in range(size)])


if __name__ == "__main__":
    pool = short_pool(int(sys.argv[2]))
    track = TrackContext("test", len(pool))
    store = FeatureStore(Path(sys.argv[1]))
    store.ensure(TAGS, pool, track, lambda label: lambda done, total: print(done, flush=True))
