"""Measuring many selections: one metric that fails takes no other down, and progress is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from measured import Bench

from suite.diversity.measuring import measure_selections
from suite.features import Embeddings, Feature, Features, TrackContext
from suite.pool import Pool
from suite.registry import Metric, metrics
from suite.selection import Selection


@dataclass(frozen=True)
class Stranger(Metric):
    """A metric that does whatever it is told."""

    act: Callable[[], Any] = float
    needs: tuple[Feature, ...] = ()

    @property
    def name(self) -> str:
        return "stranger"

    @property
    def spec(self) -> str:
        return "stranger"

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        return self.needs

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        return self.act()  # type: ignore[no-any-return]


def measured(bench: Bench, chosen: list[Metric], rows: list[list[int]], **options: Any) -> list[list[Any]]:
    selections = [bench.selection(one) for one in rows]
    return measure_selections(chosen, selections, bench.pool, bench.track, bench.store, **options)


def test_values_in_the_order_asked(bench: Bench) -> None:
    chosen = [metrics.parse("vendi"), metrics.parse("ttr")]
    found = measured(bench, chosen, [[1, 2, 3], [4, 5]])
    assert [[one.metric for one in row] for row in found] == [chosen, chosen]
    assert [one.value for one in found[1]] == [bench.measure("vendi", [4, 5]), bench.measure("ttr", [4, 5])]
    assert all(one.seconds > 0 and not one.reason for row in found for one in row)


@pytest.mark.parametrize(
    ("stranger", "reason"),
    [
        (Stranger(lambda: 1 / 0), "ZeroDivisionError: division by zero"),
        (Stranger(lambda: float("nan")), "gave nan"),
        (Stranger(lambda: None), "TypeError"),
        (Stranger(needs=(Embeddings(embedder="causal-lm:/no/such/folder"),)), "no/such/folder"),
    ],
)
def test_one_that_fails_takes_no_other_down(bench: Bench, stranger: Metric, reason: str) -> None:
    found = measured(bench, [metrics.parse("ttr"), stranger, metrics.parse("self-bleu")], [[1, 2], [3]])
    for row in found:
        assert row[0].value > 0
        assert row[1].value is None
        assert reason in row[1].reason
    assert found[0][2].value is not None
    assert "at least two picks" in found[1][2].reason


def test_out_of_memory_is_not_a_missing_value(bench: Bench) -> None:
    def full() -> float:
        raise MemoryError

    with pytest.raises(MemoryError):
        measured(bench, [Stranger(full)], [[1, 2]])


def test_progress_over_metrics_and_inside_them(bench: Bench) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def progress_for(title: str) -> Callable[[int, int], None]:
        return lambda done, total: told.setdefault(title, []).append((done, total))

    chosen = [metrics.parse(name) for name in ("ttr", "novelsum", "facility-location", "ngram-ratio")]
    measured(bench, chosen, [[1, 2, 3], [4, 5, 6]], progress_for=progress_for)
    assert told["metrics"][0] == (0, 8)
    assert told["metrics"][-1] == (8, 8)
    for name in ("novelsum", "facility-location", "ngram-ratio"):
        done, total = told[name][-1]
        assert done == total > 0
