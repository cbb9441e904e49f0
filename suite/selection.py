"""A selection: which rows a strategy picked, checked, hashed, saved and read.

File format (`.json`): `{"schema_version": 1, "strategy": "k-center", "parameters": {...}, "seed": 0,
"budget": 500, "pool": "<fingerprint>", "ids": ["12", "7", ...], "sha256": "..."}`; ids in the order picked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.atomic import write_text
from suite.errors import SelectionError
from suite.hashing import canonical_json

if TYPE_CHECKING:
    from suite.pool import Pool

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Selection:
    """Ordered row positions of a pool (shape (m,), int64) with the ids, the seed and the parameters behind them."""

    strategy: str
    rows: np.ndarray
    ids: tuple[str, ...]
    pool_fingerprint: str
    budget: int
    seed: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Identity of the picks alone: pool fingerprint and ids in order; equal picks are trained once."""
        return picks_sha256(self.pool_fingerprint, self.ids)

    def __len__(self) -> int:
        return len(self.rows)

    def save(self, path: Path) -> None:
        """Write the selection as JSON, whole or not at all."""
        record = {
            "schema_version": SCHEMA_VERSION,
            "strategy": self.strategy,
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "budget": self.budget,
            "pool": self.pool_fingerprint,
            "sha256": self.sha256,
            "ids": list(self.ids),
        }
        write_text(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def picks_sha256(pool_fingerprint: str, ids: Iterable[str]) -> str:
    """Identity of picks: the sha256 of the pool's fingerprint and the ids in the order picked."""
    return hashlib.sha256(canonical_json([pool_fingerprint, list(ids)]).encode()).hexdigest()


def checked_rows(picked: Any, *, strategy: str, pool_size: int, size: int, allow_repeats: bool = False) -> np.ndarray:
    """Check what a strategy returned and give it back as int64 rows, shape (size,).

    Raises SelectionError naming the strategy and the first bad value: not integers, wrong count, out of
    range, or picked twice.
    """
    rows = np.asarray(picked)
    if rows.ndim != 1:
        raise SelectionError(f"{strategy} returned an array of shape {rows.shape}; one row position a pick is wanted.")
    if rows.size and not np.issubdtype(rows.dtype, np.integer):
        raise SelectionError(
            f"{strategy} returned {rows.dtype} values (first: {rows[0]!r}); row positions must be integers."
        )
    if len(rows) != size:
        raise SelectionError(f"{strategy} returned {len(rows)} rows where the budget is {size}; return exactly {size}.")
    outside = np.flatnonzero((rows < 0) | (rows >= pool_size))
    if outside.size:
        raise SelectionError(
            f"{strategy} returned row {rows[outside[0]]} at position {outside[0]}, outside 0 to {pool_size - 1}."
        )
    rows = rows.astype(np.int64)
    if not allow_repeats:
        order = np.argsort(rows, kind="stable")
        repeated = np.flatnonzero(np.diff(rows[order]) == 0)
        if repeated.size:
            position = order[repeated + 1].min()
            raise SelectionError(
                f"{strategy} picked row {rows[position]} twice (again at position {position}); pick each row once."
            )
    return rows


def read_selection(path: Path, pool: Pool) -> Selection:
    """Read a saved selection, or a plain ids file (one id a line), against the pool it was made from."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SelectionError(
            f"{path} cannot be read: {error.strerror}. Give a selection (.json) or an ids file."
        ) from error
    except UnicodeDecodeError as error:
        raise SelectionError(f"{path} is not UTF-8 (byte {error.start}); save ids as UTF-8 text.") from error
    if not text.lstrip().startswith("{"):
        return _from_ids(path, [line.strip() for line in text.splitlines() if line.strip()], pool)
    try:
        record = json.loads(text)
        ids = [str(item) for item in record["ids"]]
        made_from, sha256 = str(record["pool"]), record.get("sha256")
        selection = dataclasses.replace(
            _from_ids(path, ids, pool),
            strategy=str(record["strategy"]),
            parameters=dict(record["parameters"]),
            seed=int(record["seed"]),
            budget=int(record["budget"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise SelectionError(
            f"{path} is no selection file ({str(error)[:200]!r}); write it again with `breadth select`."
        ) from error
    if made_from != pool.fingerprint:
        raise SelectionError(
            f"{path} was made from pool {made_from[:12]!r}, this one is {pool.fingerprint[:12]}; select again."
        )
    if sha256 != selection.sha256:
        raise SelectionError(f"{path} was changed after it was written (its sha256 differs); select again.")
    return selection


def _from_ids(path: Path, ids: Iterable[str], pool: Pool) -> Selection:
    ordered = tuple(ids)
    if not ordered:
        raise SelectionError(f"{path} holds no ids; write one id a line.")
    rows = pool.rows(ordered)
    return Selection(strategy=path.stem, rows=rows, ids=ordered, pool_fingerprint=pool.fingerprint, budget=len(ordered))
