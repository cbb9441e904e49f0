"""Measuring selections by metrics: features once, every metric apart, one that fails takes no other down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.errors import BreadthError, SelectionError
from suite.features.store import FeatureStore, compute_features, no_progress_for
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.features.base import Features, TrackContext
    from suite.pool import Pool
    from suite.registry import Metric
    from suite.selection import Selection


@dataclass(frozen=True)
class Measured:
    """One metric of one selection: its value and the seconds it took, features apart; or why it has no value."""

    metric: Metric
    value: float | None
    seconds: float = 0.0
    reason: str = ""


def measure_selections(
    metrics: Sequence[Metric],
    selections: Sequence[Selection],
    pool: Pool,
    context: TrackContext,
    store: FeatureStore,
    progress_for: Callable[[str], Progress] = no_progress_for,
) -> list[list[Measured]]:
    """Every metric of every selection, in their order: one list a selection.

    `progress_for` gives a progress callback for a title: one for all metrics together, one for each feature, and
    one for each metric that tells how far it is.
    """
    overall = progress_for("metrics")
    found: list[list[Measured]] = [[] for _ in selections]
    total = len(metrics) * len(selections)
    for number, metric in enumerate(metrics):
        overall(number * len(selections), total)
        try:
            wanted = metric.requires(context)
            features = compute_features(wanted, pool, context, store, progress_for=progress_for).features
        except BreadthError as error:
            for measured in found:
                measured.append(Measured(metric, None, reason=str(error)))
            continue
        features.progress = progress_for(metric.name)
        for place, selection in enumerate(selections):
            overall(number * len(selections) + place, total)
            found[place].append(_measure(metric, selection, pool, features))
    overall(total, total)
    return found


def measured_value(metric: Metric, selection: Selection, pool: Pool, features: Features) -> float:
    """The metric of a selection; SelectionError naming the metric when it fails or gives no finite number."""
    try:
        value = float(metric.measure(selection, pool, features))
    except (BreadthError, MemoryError):
        raise
    except Exception as error:  # a stranger's metric may raise anything; name it
        raise SelectionError(f"Metric {metric.spec} failed: {type(error).__name__}: {error}") from error
    if not math.isfinite(value):
        raise SelectionError(f"Metric {metric.spec} gave {value}, which is not a number to compare.")
    return value


def _measure(metric: Metric, selection: Selection, pool: Pool, features: Features) -> Measured:
    started = time.perf_counter()
    try:
        value = measured_value(metric, selection, pool, features)
    except BreadthError as error:
        return Measured(metric, None, reason=str(error))
    return Measured(metric, value, time.perf_counter() - started)
