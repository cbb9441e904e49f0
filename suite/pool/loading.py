"""Where a track's pool comes from: the embedded world, a copy under BREADTH_DATA, the Hub, or a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import PoolError
from suite.hashing import file_sha256
from suite.home import data_folder
from suite.pool.convert import Rules, cached_pool
from suite.pool.pool import Pool, pool_from_records
from suite.pool.readers import Row, batch_rows, check_columns, file_rows
from suite.reporting import Notify, Progress, no_progress, say_nothing

if TYPE_CHECKING:
    from suite.track import DatasetPool, MicroworldPool, Track

HUB_BATCH = 1024


def load_pool(track: Track, *, progress: Progress = no_progress, notify: Notify = say_nothing) -> Pool:
    """The pool a track fixes; `notify` is told which place it came from and what was dropped.

    Raises PoolError when it cannot be had, or is not the one the track pins.
    """
    at_hand = pool_at_hand(track, progress=progress, notify=notify)
    return at_hand if at_hand is not None else _pinned(_hub_pool(track, progress, notify), track, notify)


def pool_at_hand(track: Track, *, progress: Progress = no_progress, notify: Notify = say_nothing) -> Pool | None:
    """The pool a track fixes where nothing has to be fetched for it: embedded, or a copy under BREADTH_DATA; else None.

    Raises PoolError when it cannot be read, or is not the one the track pins.
    """
    stated = track.pool
    pool = _microworld(stated) if stated.kind == "microworld" else _local(stated, track.name, progress, notify)
    return None if pool is None else _pinned(pool, track, notify)


def _pinned(pool: Pool, track: Track, notify: Notify) -> Pool:
    """The pool itself. Raises PoolError when it is not the one that the track pins."""
    stated = track.pool
    if stated.fingerprint is not None and pool.fingerprint != stated.fingerprint:
        raise PoolError(
            f"The pool of track {track.name} has fingerprint {pool.fingerprint} ({len(pool)} samples) but the track "
            f"pins {stated.fingerprint} ({stated.size} samples). Take the pool's stated revision, or write a track "
            "of your own."
        )
    approximate = stated.kind == "dataset" and stated.approximate
    if len(pool) != stated.size and not approximate:
        raise PoolError(
            f"The pool of track {track.name} has {len(pool)} samples where the track states {stated.size}; "
            "results on it would belong to another track."
        )
    if stated.fingerprint is None:
        notify(f"The track pins no fingerprint; this pool has {len(pool)} samples and fingerprint {pool.fingerprint}.")
    return pool


def open_pool(source: str | Path, *, progress: Progress = no_progress, notify: Notify = say_nothing) -> Pool:
    """A pool of one's own: a parquet, jsonl or csv file, or else the name of a Hub dataset (its `train` split).

    Raises PoolError naming file and row or line of what is wrong.
    """
    path = Path(source)
    # A Hub name is `owner/name` without an ending; anything else is meant as a file, even when it is missing.
    if path.exists() or path.suffix or len(path.parts) != 2:
        return _from_file(path, Rules(), progress, notify)
    return _from_hub(str(source), "not pinned", "train", Rules(), progress, notify)


def _microworld(stated: MicroworldPool) -> Pool:
    from suite.microworld import world

    return pool_from_records(world(stated.world_seed).pool_samples(stated.size))


def _local(stated: DatasetPool, track: str, progress: Progress, notify: Notify) -> Pool | None:
    folder = data_folder()
    if folder is None or not stated.local:
        return None
    if not (folder / stated.local).is_file():
        notify(f"Pool of {track}: BREADTH_DATA has no {stated.local}.")
        return None
    notify(f"Pool of {track}: the local copy {stated.local} under BREADTH_DATA.")
    return _from_file(folder / stated.local, _rules(stated), progress, notify)


def _hub_pool(track: Track, progress: Progress, notify: Notify) -> Pool:
    stated = track.pool
    assert stated.kind == "dataset", "the embedded pool is always at hand"
    if not stated.hub:
        raise PoolError(
            f"The pool of track {track.name} is in no public place under one name: set BREADTH_DATA to a folder that "
            f"has {stated.local}. {stated.note}".rstrip()
        )
    notify(f"Pool of {track.name}: {stated.hub} from the Hub, revision {stated.revision}.")
    return _from_hub(stated.hub, stated.revision, stated.split, _rules(stated), progress, notify)


def _rules(stated: DatasetPool) -> Rules:
    return Rules(drop=frozenset(stated.drop), max_sample_bytes=stated.max_sample_bytes, id_prefix=stated.id_prefix)


def _from_file(path: Path, rules: Rules, progress: Progress, notify: Notify) -> Pool:
    if path.is_dir():
        raise PoolError(f"{path} is a folder; give one parquet, jsonl or csv file.")
    file_rows(path)
    name = path.name.split(".")[0]
    identity = {"file": file_sha256(path), "ending": path.suffixes[-2:]}
    return _told(
        cached_pool(
            lambda: file_rows(path), identity=identity, name=name, rules=rules, progress=progress, notify=notify
        ),
        name,
        notify,
    )


def _from_hub(name: str, revision: str, split: str, rules: Rules, progress: Progress, notify: Notify) -> Pool:
    import datasets

    pinned = None if revision == "not pinned" else revision
    try:
        dataset = datasets.load_dataset(name, revision=pinned, split=split)
    except Exception as error:
        # The library raises a dozen unrelated classes here (HTTP, offline, missing, gated, no such split).
        raise PoolError(
            f"Dataset {name} (split {split}, revision {revision}) cannot be had from the Hub: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__} "
            "Check the name and the connection, or set BREADTH_DATA to a folder with a local copy."
        ) from error
    identity = {"hub": name, "revision": revision, "split": split, "content": dataset._fingerprint}
    return _told(
        cached_pool(
            lambda: HubRows(dataset, name),
            identity=identity,
            name=name,
            rules=rules,
            progress=progress,
            notify=notify,
        ),
        name,
        notify,
    )


class HubRows:
    """Rows of a loaded Hub dataset, a small batch in memory at a time."""

    def __init__(self, dataset: Any, name: str):
        check_columns(list(dataset.column_names), name)
        self._dataset = dataset
        self._done = 0

    def rows(self) -> Iterator[Row]:
        """Every row with its number from 0."""
        for table in self._dataset.with_format("arrow").iter(batch_size=HUB_BATCH):
            yield from batch_rows(table, self._done)
            self._done += table.num_rows

    def progress(self) -> tuple[int, int]:
        """Rows read and rows in the dataset."""
        return self._done, len(self._dataset)


def _told(pool: Pool, name: str, notify: Callable[[str], None]) -> Pool:
    if pool.dropped:
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(pool.dropped.items()))
        notify(f"Pool {name}: {len(pool)} samples; rows dropped: {counts}.")
    return pool
