"""One small microworld pool and one feature store, shared by the tests of strategies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.features import TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.microworld import world
from suite.pool import Pool, pool_from_records
from suite.registry import Strategy, strategies

Select = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def pool() -> Pool:
    return pool_from_records(world(5).pool_samples(600))


@pytest.fixture(scope="session")
def track(pool: Pool, tiny_base: Path) -> TrackContext:
    return TrackContext(
        "test",
        len(pool),
        embedder="tfidf-svd?dimensions=24",
        tokenizer=str(tiny_base),
        base_model=str(tiny_base),
        world_seed=5,
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return FeatureStore(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def select(pool: Pool, track: TrackContext, store: FeatureStore) -> Select:
    """Run a strategy, written in its one-line form, as the runner does."""

    def run(spec: str | Strategy, budget: int, seed: int = 0, samples: Pool = pool) -> np.ndarray:
        strategy = strategies.parse(spec) if isinstance(spec, str) else spec
        wanted = strategy.requires(track)
        found = compute_features(wanted, samples, track, store, reference=strategy.reference)
        rng = np.random.default_rng(seed)
        return strategy.select(samples, strategy.size(len(samples), budget), features=found.features, rng=rng)

    return run
