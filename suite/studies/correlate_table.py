"""The correlation study's outcome, from results and metric values alone: metric x coefficient, twice, and who leads.

A selection's performance is the mean over tasks of its z-scores over the panel (NovelSum, section 5), tasks that enter
the score only, oriented so that more is better; a metric is oriented so that more is more diverse. Selections that are
degenerate make correlations by themselves, so everything stands a second time without them, z-scores taken anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.aggregate import Registration, TaskStanding
from suite.aggregate.normalise import standing
from suite.aggregate.rows import FULL, UNTUNED
from suite.statistics.correlation import FEWEST, Coefficient, correlate, correlation_difference
from suite.studies.kept import KeptPart, KeptStudy, Number
from suite.studies.lead import Lead, lead_of, unknown_lead
from suite.studies.scored import one_table

if TYPE_CHECKING:
    from suite.registry import Metric
    from suite.results import Result
    from suite.runner.cells import Cell
    from suite.studies.panel import Entry, LeftOut, PanelPlan

HERO = "novelsum"


@dataclass(frozen=True)
class MeasuredEntry:
    """One selection of the panel with a value for each metric that has one, and what kept the others from theirs."""

    entry: Entry
    values: Mapping[str, float]
    failures: Mapping[str, str]


class PanelRow(KeptPart):
    """One selection. `performance` is its mean z-score over the whole panel, None while results of seeds lack.

    `tasks` holds raw means over seeds and items, in the tasks' own units; metrics are raw, too.
    """

    name: str
    spec: str
    strategy: str
    family: str
    degenerate: bool
    complete: bool
    seeds: tuple[int, ...]
    metrics: dict[str, Number]
    failures: dict[str, str]
    tasks: dict[str, float]
    performance: Number


class KeptCoefficient(KeptPart):
    """A coefficient with its 95 % interval (clustered by strategy) and two-sided p; None where there is none."""

    value: Number
    low: Number
    high: Number
    p: Number
    n: int
    clusters: int
    note: str


class MetricRow(KeptPart):
    """One metric's correlation with performance; `flag` says why there is none, or is empty.

    `mean` is that of Pearson and Spearman, the paper's summary. `lead` is how far NovelSum stands above this metric,
    by coefficient, on the same selections; empty for NovelSum itself and where one of the two has a flag.
    """

    metric: str
    family: str
    higher_is_diverse: bool
    spearman: KeptCoefficient | None
    pearson: KeptCoefficient | None
    kendall: KeptCoefficient | None
    mean: KeptCoefficient | None
    lead: dict[str, KeptCoefficient]
    flag: str

    @property
    def remark(self) -> str:
        """Why there is no correlation, or what keeps coefficients from an interval; empty where all is there."""
        parts = {
            "Spearman": self.spearman,
            "Pearson": self.pearson,
            "Kendall": self.kendall,
            "mean": self.mean,
            "lead": self.lead.get("mean"),
        }
        there = {name: one for name, one in parts.items() if one is not None}
        named: dict[str, list[str]] = {}
        for name, one in there.items():
            if one.note:
                named.setdefault(one.note, []).append(name)
        said = [note if len(names) == len(there) else f"{note} ({', '.join(names)})" for note, names in named.items()]
        return "; ".join([self.flag, *said] if self.flag else said)


class Correlations(KeptPart):
    """Every metric over one set of selections, the best first, flagged ones last; and whether NovelSum leads."""

    degenerate_included: bool
    selections: int
    clusters: int
    metrics: tuple[MetricRow, ...]
    lead: Lead


class Omitted(KeptPart):
    """A selection that is not in the panel, and why."""

    name: str
    reason: str


class CorrelateTable(KeptStudy):
    """The study of one track, budget and base model. `correlations` holds all selections, then the sound ones alone."""

    schema_version: int = 1
    budget: int
    base_model: str
    base_weights: str
    training_seeds: tuple[int, ...]
    tasks: tuple[str, ...]
    panel: tuple[PanelRow, ...]
    correlations: tuple[Correlations, ...]
    left_out: tuple[Omitted, ...]
    reduced: tuple[str, ...]
    incomplete: tuple[str, ...]
    withheld: str


def correlate_table(
    plan: PanelPlan,
    measured: Sequence[MeasuredEntry],
    metrics: Sequence[Metric],
    results: Sequence[Result],
    missing: Sequence[Cell],
    left_out: Sequence[LeftOut] = (),
) -> CorrelateTable:
    """The table of a panel; deterministic. A selection that lacks a seed is listed and does not count.

    Raises StoreError when results cannot stand in one table: of two budgets, pools, base weights or sets of items.
    """
    members, rows = one_table(results, Registration.of(plan.track))
    by_spec = {row.spec: row for row in rows}
    standings = [
        standing(task, by_spec.get(FULL), by_spec.get(UNTUNED), Registration.of(plan.track))
        for task in rows[0].task_scores
    ]
    tasks = [task for task in standings if task.enters]
    panel = _with_performance([_panel_row(plan, one, members) for one in measured], tasks)
    sound = [row for row in panel if not row.degenerate]
    withheld = "" if tasks else "; ".join(f"{task.name}: {task.reason}" for task in standings)
    correlations = [] if withheld else [_correlations(panel, metrics, True)]
    if not withheld and len(sound) < len(panel):
        correlations.append(_correlations(_with_performance(sound, tasks), metrics, False))
    return CorrelateTable(
        track=plan.track.name,
        budget=plan.budget,
        base_model=plan.base_model,
        base_weights=members[0].hashes.base_weights,
        training_seeds=plan.training_seeds,
        tasks=tuple(task.name for task in tasks),
        panel=tuple(panel),
        correlations=tuple(correlations),
        left_out=tuple(Omitted(name=one.name, reason=one.reason) for one in left_out),
        reduced=plan.reduced(len(panel)),
        incomplete=tuple(str(cell) for cell in missing),
        withheld=withheld,
    )


def _panel_row(plan: PanelPlan, one: MeasuredEntry, results: Sequence[Result]) -> PanelRow:
    entry = one.entry
    wanted = {cell.identity.id for cell in plan.cells_of(entry)}
    own = [result for result in results if result.cell.id in wanted]
    seeds = tuple(sorted(result.cell.training_seed for result in own))
    names = [task.name for task in own[0].tasks] if own else []
    means = {
        name: float(np.mean([task.mean for result in own for task in result.tasks if task.name == name]))
        for name in names
    }
    return PanelRow(
        name=entry.name,
        spec=entry.strategy.spec,
        strategy=entry.strategy.name,
        family=entry.strategy.info.level,
        degenerate=entry.strategy.degenerate,
        complete=set(seeds) >= set(plan.training_seeds),
        seeds=seeds,
        metrics=dict(one.values),
        failures=dict(one.failures),
        tasks=means,
        performance=None,
    )


def _with_performance(rows: Sequence[PanelRow], tasks: Sequence[TaskStanding]) -> list[PanelRow]:
    """The rows with the mean over tasks of their z-scores; tasks on which all rows are alike say nothing."""
    complete = [row for row in rows if row.complete]
    columns = []
    for task in tasks if complete else ():
        sign = 1.0 if task.unit == "accuracy" else -1.0
        raw = sign * np.array([row.tasks[task.name] for row in complete])
        if np.ptp(raw) > 0:
            columns.append((raw - raw.mean()) / raw.std())
    if not columns:
        return [row.model_copy(update={"performance": None}) for row in rows]
    score = dict(zip((row.name for row in complete), map(float, np.mean(columns, axis=0)), strict=True))
    return [row.model_copy(update={"performance": score.get(row.name)}) for row in rows]


def _correlations(panel: Sequence[PanelRow], metrics: Sequence[Metric], degenerate_included: bool) -> Correlations:
    counted = [row for row in panel if row.performance is not None]
    performance = np.array([row.performance for row in counted], dtype=np.float64)
    clusters = [row.strategy for row in counted]
    columns = {metric.spec: _column(metric, counted) for metric in metrics}
    hero = columns.get(HERO)
    rows = []
    for metric in metrics:
        column = columns[metric.spec]
        if isinstance(column, str):
            rows.append(_metric_row(metric, flag=column))
            continue
        found = {name: kept(one) for name, one in correlate(column, performance, clusters=clusters).items()}
        lead: dict[str, KeptCoefficient] = {}
        if isinstance(hero, np.ndarray) and metric.spec != HERO:
            paired = correlation_difference(hero, column, performance, clusters=clusters)
            lead = {name: kept(one) for name, one in paired.items()}
        rows.append(_metric_row(metric, found=found, lead=lead))
    rows.sort(key=lambda row: (row.mean is None, -(row.mean.value or 0.0) if row.mean else 0.0, row.metric))
    return Correlations(
        degenerate_included=degenerate_included,
        selections=len(counted),
        clusters=len(set(clusters)),
        metrics=tuple(rows),
        lead=_lead(rows, len(set(clusters))),
    )


def _metric_row(
    metric: Metric,
    *,
    found: Mapping[str, KeptCoefficient] | None = None,
    lead: dict[str, KeptCoefficient] | None = None,
    flag: str = "",
) -> MetricRow:
    coefficients = found or {}
    return MetricRow(
        metric=metric.spec,
        family=metric.info.family,
        higher_is_diverse=metric.higher_is_diverse,
        spearman=coefficients.get("spearman"),
        pearson=coefficients.get("pearson"),
        kendall=coefficients.get("kendall"),
        mean=coefficients.get("mean"),
        lead=lead or {},
        flag=flag,
    )


def _column(metric: Metric, rows: Sequence[PanelRow]) -> np.ndarray | str:
    """The metric over the selections, more being more diverse; or why it is no column of numbers."""
    lacking = [row for row in rows if row.metrics.get(metric.spec) is None]
    if lacking:
        reason = lacking[0].failures.get(metric.spec) or "it was not measured"
        return f"no value for {len(lacking)} of {len(rows)} selections, such as {lacking[0].name}: {reason}"
    if len(rows) < 3:
        return f"{len(rows)} selections are too few to correlate"
    column = np.array([row.metrics[metric.spec] for row in rows], dtype=np.float64)
    # Equal selections may differ in the last bits; a rank of such differences would mean nothing.
    if np.ptp(column) <= 1e-12 * max(1.0, float(np.abs(column).max())):
        return "constant over the selections: nothing to correlate"
    if np.ptp([row.performance or 0.0 for row in rows]) == 0:
        return "performance is constant over the selections: nothing to correlate"
    return column if metric.higher_is_diverse else -column


def kept(coefficient: Coefficient) -> KeptCoefficient:
    """A coefficient in the form that is kept."""
    return KeptCoefficient(
        value=coefficient.value,
        low=coefficient.low,
        high=coefficient.high,
        p=coefficient.p,
        n=coefficient.n,
        clusters=coefficient.clusters,
        note=coefficient.note,
    )


def _lead(rows: Sequence[MetricRow], clusters: int) -> Lead:
    """The hero's standing; withheld below three strategies, which leave no interval to judge a difference by."""
    values = {row.metric: row.mean.value for row in rows if row.mean is not None and row.mean.value is not None}
    leads = {row.metric: row.lead["mean"] for row in rows if row.lead}
    apart = {name: (one.value, one.low, one.high) for name, one in leads.items() if one.value is not None}
    reasons = {row.metric: row.flag for row in rows if row.flag}
    if clusters < FEWEST:
        few = "1 strategy gives" if clusters == 1 else f"{clusters} strategies give"
        return unknown_lead(HERO, values.get(HERO), f"{few} no interval to judge a difference by")
    return lead_of(HERO, values, apart, reasons.get(HERO, "it is not among the metrics"))
