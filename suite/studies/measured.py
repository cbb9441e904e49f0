"""Metrics of selections, each measured once: values are cached by what they depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from suite.diversity.measuring import measured_value
from suite.hashing import content_key, sources_sha256
from suite.runner.stages import read_record, write_record

if TYPE_CHECKING:
    from pathlib import Path

    from suite.registry import Metric
    from suite.runner.selecting import Selector
    from suite.selection import Selection

MEASURED_VERSION = 1


class MeasuredRecord(BaseModel):
    """The cached form of one value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float


@dataclass(frozen=True)
class Measurer:
    """Measures selections of one selector's pool, with its features."""

    selector: Selector

    def value(self, metric: Metric, selection: Selection) -> float:
        """The metric of the selection, from the cache or measured now.

        Raises SelectionError naming the metric when it fails, or gives no finite number.
        """
        path = self._path(metric, selection)
        found = read_record(path, MeasuredRecord, self.selector.notify)
        if found is not None:
            return found.value
        value = self._measure(metric, selection)
        write_record(path, MeasuredRecord(metric=metric.spec, value=value))
        return value

    def _measure(self, metric: Metric, selection: Selection) -> float:
        from suite.features.store import compute_features

        selector = self.selector
        computed = compute_features(
            metric.requires(selector.context),
            selector.pool,
            selector.context,
            selector.features,
            progress_for=selector.progress,
        )
        computed.features.progress = selector.progress(metric.name)
        return measured_value(metric, selection, selector.pool, computed.features)

    def _path(self, metric: Metric, selection: Selection) -> Path:
        selector = self.selector
        wanted = [
            selector.features.key(feature.resolve(selector.context), selector.pool)
            for feature in metric.requires(selector.context)
        ]
        # A metric's module may share code with others of its package.
        module = type(metric).__module__
        key = content_key(
            {
                "measured": MEASURED_VERSION,
                "metric": metric.name,
                "parameters": metric.parameters,
                "code": sources_sha256(module.rpartition(".")[0] or module),
                "selection": selection.sha256,
                "features": sorted(wanted),
            }
        )
        return selector.folders.cache / "measured" / f"{key}.json"
