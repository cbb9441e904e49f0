"""The feature store: every feature is computed once per pool and kept under the key of its content.

Layout: `<folder>/<key>/` holds one `.npy` file an array and `meta.json`, which says what the feature is, what it
took to compute it, and the size and sha256 of each file. A key's folder is whole or absent. Beside it lies
`<key>.lock`: of two processes that want one feature, one computes and the other waits. `<key>.scratch/` holds what a
feature that takes long spools on the way (`Features.scratch`); a killed computation goes on from it, and it is
removed once the entry is whole.

Every entry is checked when it is first opened by a process: sizes, shapes and dtypes always, the sha256 for files
up to HASHED_BYTES (reading them costs less than a second; a larger file is checked by its size and header alone).
A damaged entry is reported through `notify` and computed again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite.atomic import atomic_folder, storage_errors
from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.npy import write_npy
from suite.hashing import content_key, file_sha256, library_versions
from suite.memory import give_back_memory, gpu_in_use
from suite.pool import Pool
from suite.reporting import Progress, no_progress, say_nothing
from suite.sealed import sealed, unsealed

HASHED_BYTES = 512 * 1024 * 1024
META = "meta.json"


@dataclass(frozen=True)
class StoredFeature:
    """One entry: its key, the seconds its own computation took, and its arrays, memory-mapped and read-only."""

    key: str
    seconds: float
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class FeatureSet:
    """The features a plugin declared, ready to read.

    `seconds` is what computing them took, features they are computed from included, also when they came from the
    store; `keys` holds the content key of each declared feature.
    """

    features: Features
    seconds: float
    keys: Mapping[Feature, str]


def no_progress_for(label: str) -> Progress:
    """No progress bar for anything."""
    return no_progress


class FeatureStore:
    """Features of pools, on disk, shared by processes; `notify` receives one line when an entry is damaged."""

    def __init__(self, folder: Path, notify: Callable[[str], None] = say_nothing):
        self.folder = folder
        self.notify = notify
        self._opened: dict[str, StoredFeature] = {}
        self._keys: dict[tuple[Feature, str], str] = {}

    def key(self, feature: Feature, pool: Pool) -> str:
        """The content key of a resolved feature of a pool: its facts, versions, pool, and the keys it builds on."""
        if (feature, pool.fingerprint) not in self._keys:
            self._keys[feature, pool.fingerprint] = content_key(self._facts(feature, pool))
        return self._keys[feature, pool.fingerprint]

    def ensure(
        self,
        feature: Feature,
        pool: Pool,
        track: TrackContext,
        progress_for: Callable[[str], Progress] = no_progress_for,
    ) -> StoredFeature:
        """The stored arrays of a resolved feature, computed now unless some process did so before.

        Raises FeatureError when it cannot be computed, StorageError when it cannot be written.
        """
        key = self.key(feature, pool)
        found = self._opened.get(key) or self._open(key, notify=False)
        if found is not None and key not in self._opened:
            self._drop_scratch(key)  # left behind when the process was killed right after it stored the entry
        if found is None:
            found = self._wait_or_compute(key, feature, pool, track, progress_for)
        self._opened[key] = found
        return found

    def _wait_or_compute(
        self, key: str, feature: Feature, pool: Pool, track: TrackContext, progress_for: Callable[[str], Progress]
    ) -> StoredFeature:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / f"{key}.lock")
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self.notify(f"Another process computes {feature}; waiting for it.")
                lock.acquire()
        try:
            found = self._open(key)
            if found is None:
                self._clear(key)
                self._compute(key, feature, pool, track, progress_for)
                found = self._open(key)
            if found is None:
                raise FeatureError(
                    f"{self.folder / key} cannot be read back right after it was written; check the disk."
                )
            return found
        finally:
            lock.release()

    def _compute(
        self, key: str, feature: Feature, pool: Pool, track: TrackContext, progress_for: Callable[[str], Progress]
    ) -> None:
        inputs = {
            needed: needed.open(self.ensure(needed, pool, track, progress_for).arrays) for needed in feature.requires()
        }
        started = time.perf_counter()
        reading = Features(track, inputs, scratch=self._scratch(key))
        try:
            arrays = feature.compute(pool, reading, progress_for(feature.label))
        finally:
            if gpu_in_use():
                # Who needs the GPU next is another process, vLLM say, which wants nearly all of it.
                give_back_memory()
        seconds = time.perf_counter() - started
        with atomic_folder(self.folder / key) as temporary:
            files = {name: write_npy(temporary / f"{name}.npy", array) for name, array in arrays.items()}
            meta = {**self._facts(feature, pool), "seconds": seconds, "files": files}
            (temporary / META).write_text(sealed(meta, indent=1), encoding="utf-8")
        self._drop_scratch(key)

    def _scratch(self, key: str) -> Path:
        return self.folder / f"{key}.scratch"

    def _drop_scratch(self, key: str) -> None:
        shutil.rmtree(self._scratch(key), ignore_errors=True)

    def _open(self, key: str, *, notify: bool = True) -> StoredFeature | None:
        """The entry, checked; None when it is absent or damaged (which is reported, once the key is locked)."""
        folder = self.folder / key
        if not folder.exists():
            return None
        try:
            meta = unsealed((folder / META).read_bytes())
            arrays = {name: _checked(folder / f"{name}.npy", facts) for name, facts in meta["files"].items()}
            return StoredFeature(key, float(meta["seconds"]), arrays)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if notify:
                self.notify(f"The stored feature {folder} is damaged ({error}); it is computed again.")
            return None

    def _clear(self, key: str) -> None:
        # Called under the key's lock: what lies here is damaged.
        path = self.folder / key
        with storage_errors(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _facts(self, feature: Feature, pool: Pool) -> dict[str, Any]:
        return {
            "kind": feature.kind,
            "parameters": feature.parameters,
            "version": feature.version,
            "libraries": library_versions(feature.libraries),
            "pool": pool.fingerprint,
            "identity": feature.identity(),
            "requires": [self.key(needed, pool) for needed in feature.requires()],
        }


def compute_features(
    wanted: Iterable[Feature],
    pool: Pool,
    track: TrackContext,
    store: FeatureStore,
    *,
    progress_for: Callable[[str], Progress] = no_progress_for,
    reference: bool = False,
) -> FeatureSet:
    """Compute (or read) the features that a plugin's `requires(track)` names, and what they are computed from.

    `reference` says that the plugin is a reference strategy; only those may read features that tell what a pool
    hides (FeatureError otherwise). `progress_for` gives a progress callback for a feature's label.
    """
    resolved = [feature.resolve(track) for feature in wanted]
    closure = _closure(resolved)
    for feature in closure:
        if feature.reference_only and not reference:
            raise FeatureError(
                f"{feature} tells what the pool hides from strategies; only reference strategies, which are never "
                "ranked, may require it."
            )
    stored = {feature: store.ensure(feature, pool, track, progress_for) for feature in closure}
    return FeatureSet(
        features=Features(track, {feature: feature.open(stored[feature].arrays) for feature in resolved}),
        seconds=sum(entry.seconds for entry in stored.values()),
        keys={feature: stored[feature].key for feature in resolved},
    )


def _closure(features: Iterable[Feature]) -> list[Feature]:
    """The features and all they are computed from, each once, those needed first."""
    ordered: dict[Feature, None] = {}
    for feature in features:
        for needed in _closure(feature.requires()):
            ordered.setdefault(needed)
        ordered.setdefault(feature)
    return list(ordered)


def _checked(path: Path, facts: Mapping[str, Any]) -> np.ndarray:
    size = path.stat().st_size
    if size != facts["bytes"]:
        raise ValueError(f"{path.name} has {size} bytes where {facts['bytes']} were written")
    if size <= HASHED_BYTES and file_sha256(path) != facts["sha256"]:
        raise ValueError(f"the content of {path.name} has changed since it was written")
    # An empty array has no bytes to map.
    array: np.ndarray = np.load(path, mmap_mode="r" if 0 not in facts["shape"] else None, allow_pickle=False)
    if list(array.shape) != facts["shape"] or array.dtype.str != facts["dtype"]:
        raise ValueError(f"{path.name} holds {array.dtype.str} of shape {array.shape}, not what was written")
    return array
