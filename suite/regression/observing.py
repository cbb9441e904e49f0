"""What a strategy does now: its picks, their metrics, the time and the memory that picking takes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import BreadthError, SelectionError
from suite.regression.setting import Setting
from suite.regression.timing import Timing, measure_memory, measure_time
from suite.reporting import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from suite.features.base import Features
    from suite.registry import Metric, Strategy
    from suite.selection import Selection

DIGEST = 16


@dataclass(frozen=True)
class Observation:
    """A strategy as it is now; `failure` says why there is nothing else.

    `features` has a digest of the bytes of each feature the strategy reads; `timings` one entry a session.
    """

    spec: str
    ids: tuple[str, ...] = ()
    metrics: dict[str, float | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    timings: tuple[Timing, ...] = ()
    memory: float | None = None
    failure: str = ""


class Laboratory:
    """One setting made ready: observes strategies, with features computed anew, never read from an older cache.

    Use as a context manager; the features lie in a temporary folder until the end. Raises RegressionError where the
    setting's pool is not the one that this Breadth generates.
    """

    def __init__(self, setting: Setting, progress: Callable[[str], Progress] | None = None):
        from suite.features.store import FeatureStore, no_progress_for

        self.setting = setting
        self.pool = setting.pool
        self.context = setting.context()
        self.progress = progress or no_progress_for
        self._folder = tempfile.TemporaryDirectory(prefix="breadth-regress-")
        self._store = FeatureStore(Path(self._folder.name))

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the features."""
        self._folder.cleanup()

    @cached_property
    def metrics(self) -> list[Metric]:
        """Every registered metric, at its default parameters."""
        from suite.registry import metrics

        return [metrics.parse(name) for name in metrics.names()]

    def observe(self, strategy: Strategy, *, measured: bool = True, timed: bool = True) -> Observation:
        """The strategy as it is now; what goes wrong in it is part of the observation."""
        try:
            selection, digests = self._selected(strategy)
        except BreadthError as error:
            return Observation(strategy.spec, failure=str(error))
        found = Observation(strategy.spec, ids=selection.ids, features=digests)
        if measured:
            values = self._measured(selection)
            found = replace(found, metrics=values[0], reasons=values[1])
        if timed:
            found = replace(self.timed_again(strategy, found), memory=self._memory(strategy))
        return found

    def timed_again(self, strategy: Strategy, found: Observation) -> Observation:
        """The same observation with one more session of timing."""
        from threadpoolctl import threadpool_limits

        features = self._features(strategy)
        with threadpool_limits(1):
            timing = measure_time(lambda: self._rows(strategy, features))
        return replace(found, timings=(*found.timings, timing))

    def _memory(self, strategy: Strategy) -> float:
        features = self._features(strategy)
        return measure_memory(lambda: self._rows(strategy, features))

    def _selected(self, strategy: Strategy) -> tuple[Selection, dict[str, str]]:
        from suite.selection import Selection, checked_rows

        pool, budget = self.pool, self.setting.budget
        features = self._features(strategy)
        try:
            rows = self._rows(strategy, features)
            again = self._rows(strategy, features)
        except (BreadthError, MemoryError):
            raise
        except Exception as error:  # a stranger's strategy may raise anything; name it
            raise SelectionError(f"Strategy {strategy.spec} failed: {type(error).__name__}: {error}") from error
        size = strategy.size(len(pool), budget)
        checked = checked_rows(
            rows, strategy=strategy.spec, pool_size=len(pool), size=size, allow_repeats=strategy.allows_repeats
        )
        if not np.array_equal(rows, again):
            raise SelectionError(
                f"Strategy {strategy.spec} picks other rows when it is asked again with the same seed. Draw from "
                "`rng`, and iterate over nothing that has no order."
            )
        made = Selection(
            strategy=strategy.spec,
            rows=checked,
            ids=pool.id_of(checked),
            pool_fingerprint=pool.fingerprint,
            budget=budget,
            seed=self.setting.seed,
            parameters=strategy.parameters,
        )
        return made, self._digests(strategy)

    def _rows(self, strategy: Strategy, features: Features) -> np.ndarray:
        from suite.runner.selecting import selection_rng

        pool = self.pool
        rng = selection_rng(strategy, self.setting.seed)
        return strategy.select(pool, strategy.size(len(pool), self.setting.budget), features=features, rng=rng)

    def _features(self, strategy: Strategy) -> Features:
        from suite.features.store import compute_features

        wanted = strategy.requires(self.context)
        return compute_features(wanted, self.pool, self.context, self._store, progress_for=self.progress).features

    def _digests(self, strategy: Strategy) -> dict[str, str]:
        found = {}
        for feature in strategy.requires(self.context):
            resolved = feature.resolve(self.context)
            arrays = self._store.ensure(resolved, self.pool, self.context).arrays
            digest = hashlib.sha256()
            for name in sorted(arrays):
                digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode() + arrays[name].tobytes())
            found[resolved.label] = digest.hexdigest()[:DIGEST]
        return found

    def _measured(self, selection: Selection) -> tuple[dict[str, float | None], dict[str, str]]:
        from suite.diversity.measuring import measure_selections

        (values,) = measure_selections(self.metrics, [selection], self.pool, self.context, self._store)
        return (
            {one.metric.spec: one.value for one in values},
            {one.metric.spec: one.reason for one in values if one.value is None},
        )


def first_difference(one: Sequence[str], other: Sequence[str]) -> int | None:
    """The first step at which two lists of picks differ, counted from 0; None where they are equal."""
    for step, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return step
    return None if len(one) == len(other) else min(len(one), len(other))


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    """Ids in both lists as a share of those in either; 1 where both are empty."""
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else 1.0
