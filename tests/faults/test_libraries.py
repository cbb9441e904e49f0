"""A feature that another version of a library has computed is computed anew, kept apart, and found again."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.features import Density, Embeddings, Feature, Tags, Tokens, Topics, TrackContext
from suite.features.store import FeatureStore, StoredFeature
from suite.pool import pool_from_records

POOL = pool_from_records(
    [{"id": str(row), "instruction": f"say {row % 7} {row}", "output": f"{row} words"} for row in range(40)]
)
TRACK = TrackContext("test", 40, embedder="tfidf-svd?dimensions=4")
EMBEDDINGS = Embeddings(view="both").resolve(TRACK)
DENSITY = Density(neighbours=3, power=0.5).resolve(TRACK)
Installed = Callable[[str, str], None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Lets a distribution say that it is of another version."""
    truth, said = importlib.metadata.version, dict[str, str]()

    def pretend(name: str, version: str) -> None:
        said[name] = version

    monkeypatch.setattr("importlib.metadata.version", lambda name: said.get(name) or truth(name))
    return pretend


def ensured(folder: Path, feature: Feature) -> StoredFeature:
    """The feature as a process finds or makes it that has just started."""
    return FeatureStore(folder).ensure(feature, POOL, TRACK)


def test_computed_again_and_never_mixed(tmp_path: Path, installed: Installed) -> None:
    first, first_density = ensured(tmp_path, EMBEDDINGS), ensured(tmp_path, DENSITY)
    installed("scikit-learn", "99.0")
    second = ensured(tmp_path, EMBEDDINGS)
    assert second.key != first.key
    assert not np.shares_memory(second.arrays["embeddings"], first.arrays["embeddings"])
    # What is computed from it follows, though its own libraries are the same.
    second_density = ensured(tmp_path, DENSITY)
    assert second_density.key != first_density.key
    entries = {path.name: (path / "meta.json").stat().st_mtime_ns for path in tmp_path.iterdir() if path.is_dir()}
    installed("scikit-learn", "")
    back = ensured(tmp_path, EMBEDDINGS)
    assert back.key == first.key
    assert ensured(tmp_path, DENSITY).key == first_density.key
    after = {path.name: (path / "meta.json").stat().st_mtime_ns for path in tmp_path.iterdir() if path.is_dir()}
    assert after == entries, "going back to the old version finds what it made"


@pytest.mark.parametrize(
    ("feature", "library"),
    [
        (EMBEDDINGS, "scikit-learn"),
        (EMBEDDINGS, "numpy"),
        (DENSITY, "scikit-learn"),
        (DENSITY, "numba"),
        (Tokens(view="response", tokenizer="words"), "numpy"),
        (Tags(view="response").resolve(TRACK), "yake"),
        (Tags(view="response").resolve(TRACK), "snowballstemmer"),
        (Topics(view="response").resolve(TRACK), "scipy"),
        (Topics(view="response").resolve(TRACK), "scikit-learn"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_its_key_holds_the_version(feature: Feature, library: str, tmp_path: Path, installed: Installed) -> None:
    before = FeatureStore(tmp_path).key(feature, POOL)
    assert FeatureStore(tmp_path).key(feature, POOL) == before
    installed(library, "99.0")
    assert FeatureStore(tmp_path).key(feature, POOL) != before
