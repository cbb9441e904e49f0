"""The select stage: features, then the strategy's own picking, checked, timed apart and cached by content."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from suite.errors import BreadthError, FeatureError, SelectionError
from suite.hashing import canonical_json
from suite.registry import GivesRows
from suite.remarks import Remarks, as_remarks
from suite.reporting import Notify
from suite.runner.stages import StageFolders, read_record, selection_key, write_record
from suite.selection import Selection, checked_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.features.base import Feature, Features, TrackContext
    from suite.features.store import FeatureStore
    from suite.pool import Pool
    from suite.registry import Metric, Strategy
    from suite.reporting import Progress


@dataclass(frozen=True)
class Picked:
    """A selection with what it cost: the strategy's own seconds, and those of its features (computed once a pool).

    `remarks` is what the strategy said of it.
    """

    selection: Selection
    seconds: float
    feature_seconds: float
    remarks: tuple[str, ...] = ()


class PickedRecord(BaseModel):
    """The cached form of Picked; rows are positions in the pool. Without remarks where it is from before these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[int, ...]
    sha256: str
    seconds: float
    feature_seconds: float
    remarks: Remarks = ()


@dataclass(frozen=True)
class Selector:
    """Makes and caches selections of one pool for one base model; each remark of a strategy is told once."""

    pool: Pool
    context: TrackContext
    features: FeatureStore
    folders: StageFolders
    notify: Notify
    progress: Callable[[str], Progress]
    _told: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def key(self, strategy: Strategy, budget: int, seed: int) -> str:
        """The selection's key; needs the keys of the strategy's features, not the features themselves."""
        wanted = [
            self.features.key(feature.resolve(self.context), self.pool) for feature in strategy.requires(self.context)
        ]
        return selection_key(strategy, budget, seed, self.pool.fingerprint, wanted)

    def cached(self, strategy: Strategy, budget: int, seed: int) -> Picked | None:
        """The selection if it was made before."""
        path = self.folders.selection(self.key(strategy, budget, seed))
        record = read_record(path, PickedRecord, self.notify)
        if record is None:
            return None
        inside = all(0 <= row < len(self.pool) for row in record.rows)
        rows = np.asarray(record.rows if inside else (), dtype=np.int64)
        picked = Picked(
            self._selection(strategy, budget, seed, rows), record.seconds, record.feature_seconds, record.remarks
        )
        if picked.selection.sha256 != record.sha256:
            self.notify(f"{path} is damaged (its rows do not give its sha256); it is made again.")
            path.unlink(missing_ok=True)
            return None
        return picked

    def pick(self, strategy: Strategy, budget: int, seed: int) -> Picked:
        """The selection, from the cache or made now; what the strategy said of it is told either way.

        Raises SelectionError when the strategy fails or returns something that is not a selection.
        """
        picked = self.cached(strategy, budget, seed) or self._make(strategy, budget, seed)
        for remark in picked.remarks:
            line = f"{strategy.spec}: {remark}"
            # A run asks for a selection again and again, and other budgets and seeds say the same.
            if line not in self._told:
                self._told.add(line)
                self.notify(line)
        return picked

    def _make(self, strategy: Strategy, budget: int, seed: int) -> Picked:
        from suite.features.store import compute_features

        computed = compute_features(
            strategy.requires(self.context),
            self.pool,
            self.context,
            self.features,
            progress_for=self.progress,
            reference=strategy.reference,
        )
        computed.features.progress = self.progress(strategy.name)
        size = strategy.size(len(self.pool), budget)
        rows, seconds, remarks = self._select(strategy, size, computed.features, seed)
        feature_seconds = computed.seconds
        if isinstance(strategy, GivesRows):
            known = strategy.spent(track=self.context.track, budget=size, seed=seed)
            seconds, feature_seconds = known or (seconds, feature_seconds)
        rows = checked_rows(
            rows,
            strategy=strategy.spec,
            pool_size=len(self.pool),
            size=size,
            allow_repeats=strategy.allows_repeats,
        )
        picked = Picked(self._selection(strategy, budget, seed, rows), seconds, feature_seconds, remarks)
        record = PickedRecord(
            rows=tuple(rows.tolist()),
            sha256=picked.selection.sha256,
            seconds=seconds,
            feature_seconds=feature_seconds,
            remarks=remarks,
        )
        write_record(self.folders.selection(self.key(strategy, budget, seed)), record)
        return picked

    def _select(
        self, strategy: Strategy, size: int, features: Features, seed: int
    ) -> tuple[np.ndarray, float, tuple[str, ...]]:
        rng = selection_rng(strategy, seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            started = time.perf_counter()
            try:
                if isinstance(strategy, GivesRows):
                    rows = strategy.given(self.pool, size, track=self.context.track, seed=seed)
                else:
                    rows = strategy.select(self.pool, size, features=features, rng=rng)
            except (BreadthError, MemoryError):
                raise
            except Exception as error:  # a stranger's strategy may raise anything; name it
                raise SelectionError(f"Strategy {strategy.spec} failed: {type(error).__name__}: {error}") from error
            seconds = time.perf_counter() - started
        said = as_remarks(str(warning.message) for warning in caught if issubclass(warning.category, UserWarning))
        return rows, seconds, said

    def _selection(self, strategy: Strategy, budget: int, seed: int, rows: np.ndarray) -> Selection:
        return Selection(
            strategy=strategy.spec,
            rows=rows,
            ids=self.pool.id_of(rows),
            pool_fingerprint=self.pool.fingerprint,
            budget=budget,
            seed=seed,
            parameters=strategy.parameters,
        )


def selection_rng(strategy: Strategy, seed: int) -> np.random.Generator:
    """The generator handed to `select`: fixed by the strategy with its parameters and the selection seed."""
    identity = canonical_json([strategy.name, strategy.parameters])
    own = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, own])


def reads_base_model(plugin: Strategy | Metric, context: TrackContext) -> bool:
    """Whether what a strategy selects, or a metric measures, depends on the target model: its tokenizer or weights.

    A plugin knows the model through its features alone: those that are the same for any two models do not read it.
    """

    def wanted(name: str) -> list[Feature]:
        known = dataclasses.replace(context, tokenizer=context.tokenizer or name, base_model=name)
        return [feature.resolve(known) for feature in plugin.requires(known)]

    try:
        return wanted("one") != wanted("another")
    except FeatureError:
        return False  # whoever selects or measures with it is told the same
