"""The ids of a track's pool, where the pool can be had on this machine."""

from __future__ import annotations

from collections.abc import Callable

from suite.errors import PoolError, StorageError
from suite.home import data_folder
from suite.reporting import Notify, say_nothing
from suite.track import Track

PoolIds = Callable[[Track], "frozenset[str] | str"]
"""Gives the ids of a track's pool in its order, or says in one sentence why it cannot."""


def ids_at_hand(track: Track, *, download: bool = False, notify: Notify = say_nothing) -> frozenset[str] | str:
    """The ids of a pool that is generated, or lies under BREADTH_DATA; with `download`, of one on the Hub as well.

    Else the reason why they are not known here, in one sentence.
    """
    pool = track.pool
    if pool.kind == "dataset" and not download:
        folder = data_folder()
        if folder is None or not pool.local or not (folder / pool.local).is_file():
            return f"the pool of {track.name} is not on this machine (set BREADTH_DATA, or add --download)"
    from suite.pool.loading import load_pool

    try:
        return frozenset(load_pool(track, notify=notify).table.column("id").to_pylist())
    except (PoolError, StorageError) as error:
        return f"the pool of {track.name} cannot be read: {error}"
