"""The ids of a track's pool, where the pool can be had on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from suite.errors import PoolError, StorageError
from suite.reporting import Notify
from suite.track import Track

if TYPE_CHECKING:
    from suite.pool import Pool

PoolIds = Callable[[Track], "frozenset[str] | str"]
"""Gives the ids of a track's pool in its order, or says in one sentence why it cannot."""


def ids_at_hand(track: Track) -> frozenset[str] | str:
    """The ids of a pool that is generated, or lies under BREADTH_DATA; else the reason why they are not known here."""
    from suite.pool.loading import pool_at_hand

    return _ids(track, lambda: pool_at_hand(track))


def ids_fetched(track: Track, notify: Notify) -> frozenset[str] | str:
    """The ids of a pool, which is fetched from the Hub where it is not at hand; else the reason why it cannot be."""
    from suite.pool.loading import load_pool

    return _ids(track, lambda: load_pool(track, notify=notify))


def _ids(track: Track, load: Callable[[], Pool | None]) -> frozenset[str] | str:
    try:
        pool = load()
    except (PoolError, StorageError) as error:
        return f"the pool of {track.name} cannot be read: {error}"
    if pool is None:
        return f"the pool of {track.name} is not on this machine (set BREADTH_DATA, or add --download)"
    return frozenset(pool.table.column("id").to_pylist())
