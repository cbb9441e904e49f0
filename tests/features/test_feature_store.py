"""The feature store: computed once, whole or absent, damage seen, two processes, full disk, no permission."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from suite.errors import FeatureError, StorageError
from suite.features.base import Feature, Features, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.reporting import Progress

TRACK = TrackContext(track="test", pool_size=4)


def small_pool(word: str = "answer") -> Pool:
    return pool_from_records([{"id": str(i), "instruction": f"ask {i}", "output": f"{word} {i}"} for i in range(4)])


@dataclass(frozen=True)
class Lengths(Feature):
    """Characters of a view, written slowly, with a line in `log` for every computation."""

    log: str
    scale: int = 1
    seconds: float = 0.0

    kind: ClassVar[str] = "lengths"

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        with Path(self.log).open("a") as log:
            log.write("computed\n")
        time.sleep(self.seconds)
        progress(len(pool), len(pool))
        return {"lengths": np.asarray([len(text) * self.scale for text in pool.texts("response")])}


@dataclass(frozen=True)
class Doubled(Feature):
    """Twice the lengths: a feature computed from another."""

    log: str

    kind: ClassVar[str] = "doubled"

    def requires(self) -> tuple[Feature, ...]:
        return (Lengths(self.log),)

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        return {"doubled": 2 * features[Lengths(self.log)], "nothing": np.zeros((0, 3), dtype=np.float32)}

    def open(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(arrays)


@dataclass(frozen=True)
class Huge(Feature):
    """More bytes than a small disk holds."""

    kind: ClassVar[str] = "huge"

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        return {"zeros": np.zeros(8_000_000, dtype=np.uint8)}


@dataclass(frozen=True)
class Secret(Feature):
    """Something only reference strategies may know."""

    kind: ClassVar[str] = "secret"
    reference_only: ClassVar[bool] = True

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        return {"secret": np.arange(len(pool))}


@dataclass(frozen=True)
class Around(Feature):
    """A way around: a harmless feature computed from a secret one."""

    kind: ClassVar[str] = "around"

    def requires(self) -> tuple[Feature, ...]:
        return (Secret(),)

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        return {"secret": features[Secret()]}


@dataclass(frozen=True)
class Spooled(Feature):
    """Counts how often it was begun in its scratch folder, and fails the first time."""

    kind: ClassVar[str] = "spooled"

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        spool = features.scratch / "begun"
        begun = len(spool.read_text()) + 1 if spool.exists() else 1
        spool.write_text("x" * begun)
        if begun == 1:
            raise FeatureError("the first time fails")
        return {"begun": np.asarray([begun])}


def times(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_computed_once_and_memory_mapped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        found = compute_features([Lengths(str(log))], small_pool(), TRACK, FeatureStore(tmp_path / "store"))
        values = found.features[Lengths(str(log))]
        assert values.tolist() == [8, 8, 8, 8]
        assert isinstance(values, np.memmap)
        assert not values.flags.writeable
    assert times(log) == 1


def test_a_feature_of_features_costs_what_both_cost(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    store = FeatureStore(tmp_path / "store")
    found = compute_features([Doubled(log)], small_pool(), TRACK, store)
    opened = found.features[Doubled(log)]
    assert opened["doubled"].tolist() == [16, 16, 16, 16]
    assert opened["nothing"].shape == (0, 3)
    alone = [store.ensure(feature, small_pool(), TRACK).seconds for feature in (Lengths(log), Doubled(log))]
    assert found.seconds == pytest.approx(sum(alone))
    again = compute_features([Doubled(log)], small_pool(), TRACK, FeatureStore(tmp_path / "store"))
    assert again.seconds == found.seconds
    assert again.keys == found.keys
    with pytest.raises(FeatureError, match="not declared"):
        found.features[Lengths(log)]


def test_keys_follow_content(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    key = store.key(Lengths("log"), small_pool())
    assert key == FeatureStore(tmp_path / "other").key(Lengths("log"), small_pool())
    assert key != store.key(Lengths("log", scale=2), small_pool())
    assert key != store.key(Lengths("log"), small_pool("reply"))
    assert store.key(Doubled("log"), small_pool()) != store.key(Doubled("other"), small_pool())


@pytest.mark.parametrize("damage", ["truncate", "flip", "no meta", "bad meta", "a file in its place"])
def test_damage_is_reported_and_computed_again(tmp_path: Path, damage: str) -> None:
    log = tmp_path / "log"
    feature = Lengths(str(log))
    entry = tmp_path / "store" / FeatureStore(tmp_path / "store").ensure(feature, small_pool(), TRACK).key
    array = entry / "lengths.npy"
    content = bytearray(array.read_bytes())
    if damage == "truncate":
        array.write_bytes(content[:-5])
    elif damage == "flip":
        content[-1] ^= 1
        array.write_bytes(content)
    elif damage == "no meta":
        (entry / "meta.json").unlink()
    elif damage == "bad meta":
        (entry / "meta.json").write_text("[]")
    else:
        for path in entry.iterdir():
            path.unlink()
        entry.rmdir()
        entry.write_text("")
    said: list[str] = []
    found = FeatureStore(tmp_path / "store", notify=said.append).ensure(feature, small_pool(), TRACK)
    assert found.arrays["lengths"].tolist() == [8, 8, 8, 8]
    assert times(log) == 2
    assert len(said) == 1
    assert str(entry) in said[0]
    assert "computed again" in said[0]


def test_leftovers_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    feature = Lengths(str(tmp_path / "log"))
    store = FeatureStore(tmp_path / "store")
    left = tmp_path / "store" / f".{store.key(feature, small_pool())}.abc.part"
    left.mkdir(parents=True)
    (left / "lengths.npy").write_bytes(b"half")
    store.ensure(feature, small_pool(), TRACK)
    assert not left.exists()


def test_what_was_spooled_outlives_a_failure_and_goes_with_success(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    scratch = tmp_path / "store" / f"{store.key(Spooled(), small_pool())}.scratch"
    with pytest.raises(FeatureError, match="first time"):
        store.ensure(Spooled(), small_pool(), TRACK)
    assert scratch.is_dir()
    found = FeatureStore(tmp_path / "store").ensure(Spooled(), small_pool(), TRACK)
    assert found.arrays["begun"].tolist() == [2]
    assert not scratch.exists()
    scratch.mkdir()
    FeatureStore(tmp_path / "store").ensure(Spooled(), small_pool(), TRACK)
    assert not scratch.exists()
    opened = compute_features([Spooled()], small_pool(), TRACK, store).features
    with pytest.raises(FeatureError, match="being computed"):
        _ = opened.scratch


def _ensure(folder: str, log: str, said: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    notes: list[str] = []
    store = FeatureStore(Path(folder), notify=notes.append)
    values = store.ensure(Lengths(log, seconds=1.0), small_pool(), TRACK).arrays["lengths"]
    said.put((values.tolist(), notes))


def test_of_two_processes_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    arguments = (str(tmp_path / "store"), str(tmp_path / "log"), said)
    processes = [context.Process(target=_ensure, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    answers = [said.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert [values for values, _ in answers] == [[8, 8, 8, 8]] * 2
    assert times(tmp_path / "log") == 1


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "store"
    in_the_way.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="store"):
        FeatureStore(in_the_way).ensure(Lengths(str(tmp_path / "log")), small_pool(), TRACK)
    assert times(tmp_path / "log") == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here; the limit on file sizes stands in for it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_leaves_nothing_behind(small_disk: Path) -> None:
    with pytest.raises(StorageError, match="disk is full"):
        FeatureStore(small_disk / "store").ensure(Huge(), small_pool(), TRACK)
    assert [path.name for path in (small_disk / "store").iterdir() if path.suffix != ".lock"] == []


def test_read_only_disk_is_one_error(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="No permission"):
        FeatureStore(small_disk / "store").ensure(Huge(), small_pool(), TRACK)


def _ensure_with_file_limit(folder: str, said: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        FeatureStore(Path(folder)).ensure(Huge(), small_pool(), TRACK)
    except StorageError as error:
        said.put(str(error))


def test_file_size_limit_leaves_nothing_behind(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    process = context.Process(target=_ensure_with_file_limit, args=(str(tmp_path / "store"), said))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == 0
    assert "limit" in said.get(timeout=10)
    assert [name for name in os.listdir(tmp_path / "store") if not name.endswith(".lock")] == []


def test_what_a_pool_hides_is_for_reference_strategies(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    for feature in (Secret(), Around()):
        with pytest.raises(FeatureError, match="only reference strategies"):
            compute_features([feature], small_pool(), TRACK, store)
    found = compute_features([Secret()], small_pool(), TRACK, store, reference=True)
    assert found.features[Secret()].tolist() == [0, 1, 2, 3]
    with pytest.raises(FeatureError, match="only reference strategies"):
        compute_features([Secret()], small_pool(), TRACK, store)
