"""Models trained on a strategy's picks now, against those of the baseline: the paired difference of their scores.

The difference is the board's own (`suite.aggregate.normalise`): item by item and seed by seed, normalised, with its
crossed t interval. Verdicts are Holm-adjusted over the strategies that are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.aggregate.board import Registration
from suite.aggregate.normalise import difference, normalised, standing
from suite.aggregate.rows import RowResults
from suite.regression.verdicts import Aspect, Verdict
from suite.results import Result
from suite.statistics.holm import holm
from suite.statistics.intervals import Estimate
from suite.statistics.power import LEVEL


@dataclass(frozen=True)
class Anchors:
    """The results that scores are normalised by: fine-tuned on the whole pool, and not at all."""

    full: Sequence[Result]
    untuned: Sequence[Result]


@dataclass(frozen=True)
class Compared:
    """Two sets of results of one strategy: their difference (None where they share no seed), and what they score."""

    estimate: Estimate | None
    before: float
    same_values: bool


def compared(
    now: Sequence[Result], before: Sequence[Result], anchors: Anchors, registration: Registration
) -> Compared | None:
    """`now` less `before`, both of the same items and base weights; None where no task enters a score."""
    full, untuned = (RowResults(list(rows), registration) for rows in (anchors.full, anchors.untuned))
    rows = [RowResults(list(results), registration) for results in (now, before)]
    tasks = [standing(task, full, untuned, registration) for task in rows[1].task_scores]
    entering = [task for task in tasks if task.enters]
    if not entering:
        return None
    of, to = (normalised(row, entering, untuned) for row in rows)
    same = of.seeds == to.seeds and all(np.array_equal(a, b) for a, b in zip(of.values, to.values, strict=True))
    scored = float(np.mean([values.mean() for values in to.values]))
    return Compared(difference(of, to), scored, same)


def quality_aspects(found: Mapping[str, Compared | None]) -> dict[str, Aspect]:
    """The aspect `quality` of each strategy; identical where every item of every seed has the value it had."""
    tested = {
        spec: one.estimate
        for spec, one in found.items()
        if one and one.estimate and one.estimate.known and not one.same_values
    }
    adjusted = dict(zip(tested, holm([estimate.p for estimate in tested.values()]), strict=True)) if tested else {}
    return {spec: _aspect(one, adjusted.get(spec)) for spec, one in found.items()}


def _aspect(one: Compared | None, p: float | None) -> Aspect:
    if one is None:
        nothing = "No task is learned well enough for a score, not even from the whole pool."
        return Aspect("quality", Verdict.broken, "no score", nothing)
    if one.same_values:
        return Aspect("quality", Verdict.identical, "same models", numbers={"difference": 0.0})
    if one.estimate is None or p is None:
        return Aspect("quality", Verdict.broken, "no interval", "Too few seeds in common for an interval.")
    mean, low, high = (100 * value for value in (one.estimate.mean, one.estimate.low, one.estimate.high))
    numbers = {
        "difference": round(mean, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "p": float(f"{p:.3g}"),
        "baseline": round(100 * one.before, 3),
    }
    short = f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"
    if p >= LEVEL:
        return Aspect("quality", Verdict.equivalent, short, numbers=numbers)
    verdict = Verdict.better if mean > 0 else Verdict.worse
    detail = (
        f"Models trained on its picks score {mean:+.1f} points [{low:+.1f}, {high:+.1f}] against the baseline's "
        f"{100 * one.before:.1f} (paired by item and seed, Holm-adjusted p {p:.2g})."
    )
    return Aspect("quality", verdict, short, detail, numbers)
