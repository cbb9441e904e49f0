"""Panels with known correlations: a plan of the embedded track, metric values and results made up for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from factories import experiment
from ladders import of_track

from suite.registry import Metric, metrics, strategies
from suite.results import Result
from suite.studies.correlate_table import CorrelateTable, MeasuredEntry, correlate_table
from suite.studies.panel import Entry, Panel, PanelPlan, plan_panel
from suite.track import load_track

SPECS = (
    *(f"k-means:clusters={clusters}" for clusters in (20, 50, 100, 300)),
    *(f"repr-filter:threshold={threshold}" for threshold in (0.5, 0.7, 0.9)),
    *(f"micro-response:diversity={level}" for level in (0.0, 0.5)),
    *(f"novelselect:neighbours={neighbours}" for neighbours in (5, 20)),
    "k-center",
    "longest",
    "farthest",
    "facility-location",
    *(f"duplicate:times={times}" for times in (2, 5)),
)
METRICS = ("novelsum", "vendi", "self-bleu")


def panel_plan(specs: Sequence[str] = SPECS, **changes: object) -> PanelPlan:
    """A panel of these strategies on the embedded track."""
    panel = Panel(tuple(Entry(strategies.parse(spec)) for spec in specs))
    return plan_panel(load_track("microworld"), panel, **changes)  # type: ignore[arg-type]


def quality_of(specs: Sequence[str]) -> dict[str, float]:
    """How good each strategy's models are: spread out, duplicates worst."""
    rng = np.random.default_rng(5)
    return {spec: -0.4 if "duplicate" in spec else float(rng.uniform(-0.15, 0.25)) for spec in specs}


def panel_results(plan: PanelPlan, **changes: object) -> list[Result]:
    """Results of every cell of the plan."""
    specs = [entry.strategy.spec for entry in plan.panel.entries]
    made = experiment(quality_of(specs), seeds=len(plan.training_seeds), **changes)  # type: ignore[arg-type]
    return of_track([record for record in made if record.cell.strategy != "random"], plan.track)


def panel_measured(plan: PanelPlan, noise: Mapping[str, float]) -> list[MeasuredEntry]:
    """Metric values that follow quality up to noise of the given size; of self-bleu, less is more diverse."""
    rng = np.random.default_rng(6)
    quality = quality_of([entry.strategy.spec for entry in plan.panel.entries])
    rows = []
    for entry in plan.panel.entries:
        values = {name: quality[entry.strategy.spec] + spread * float(rng.normal()) for name, spread in noise.items()}
        if "self-bleu" in values:
            values["self-bleu"] *= -1
        rows.append(MeasuredEntry(entry, values, {}))
    return rows


def chosen_metrics(names: Sequence[str] = METRICS) -> list[Metric]:
    """Registered metrics by name."""
    return [metrics.parse(name) for name in names]


def panel_table(noise: Mapping[str, float]) -> CorrelateTable:
    """The table of the whole panel with metrics of that noise."""
    plan = panel_plan()
    return correlate_table(plan, panel_measured(plan, noise), chosen_metrics(tuple(noise)), panel_results(plan), [])
