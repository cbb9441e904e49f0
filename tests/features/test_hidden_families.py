"""The hidden families: those of the world for its own pool, and an error for any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suite.errors import FeatureError
from suite.features import TrackContext
from suite.features.hidden_families import HiddenFamilies
from suite.features.store import FeatureStore, compute_features
from suite.microworld import world
from suite.pool import Pool, pool_from_records


def families(pool: Pool, seed: int | None, folder: Path) -> np.ndarray:
    track = TrackContext("test", len(pool), world_seed=seed)
    found = compute_features([HiddenFamilies()], pool, track, FeatureStore(folder), reference=True)
    return np.asarray(found.features[HiddenFamilies()])


def test_they_are_those_of_the_world(tmp_path: Path) -> None:
    pool = pool_from_records(world(3).pool_samples(300))
    assert np.array_equal(families(pool, 3, tmp_path), world(3).hidden_families(300))


def test_another_pool_has_none(tmp_path: Path) -> None:
    pool = pool_from_records(world(3).pool_samples(300))
    with pytest.raises(FeatureError, match="not the one of world 4"):
        families(pool, 4, tmp_path)
    with pytest.raises(FeatureError, match="Only the pool of the microworld"):
        families(pool, None, tmp_path)
