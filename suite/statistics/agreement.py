"""Whether a cheap tier earns its keep: how often two tracks put a pair of strategies in the same order.

Pairwise decision accuracy is the share of pairs of strategies that both order alike. A pair that one side leaves tied
counts half, one that both leave tied counts as alike. Kendall's tau-b stands beside it. Strategies are what both are
sampled over, so intervals leave out one strategy at a time (`suite.statistics.jackknife`, the accuracy a as 2a - 1)
or, with `method="bootstrap"`, resample strategies; a strategy drawn twice makes no pair with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from suite.statistics.inputs import paired_columns
from suite.statistics.jackknife import fisher_interval, percentile_interval

FEWEST = 4
"""Strategies below which there is no interval: each pair is most of what there is."""


@dataclass(frozen=True)
class Share:
    """A number with its 95 % interval; nan where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How alike two sides order the strategies both have; `note` says why something is nan."""

    accuracy: Share
    tau: Share
    strategies: int
    pairs: int
    note: str = ""


def pairwise_accuracy(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    method: Literal["jackknife", "bootstrap"] = "jackknife",
    draws: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Agreement over the strategies that both sides have, higher is better on both; deterministic given `seed`.

    With fewer than 2 shared strategies everything is nan, with fewer than 4 the intervals are, with a side that ties
    all of them tau is. Raises ValueError, naming the position, on what is no finite number.
    """
    shared = sorted(set(first) & set(second))
    one, other = paired_columns([first[name] for name in shared], [second[name] for name in shared])
    n, unknown = len(shared), float("nan")
    pairs = n * (n - 1) // 2
    if n < 2:
        nothing = Share(unknown, unknown, unknown)
        return Agreement(nothing, nothing, n, pairs, f"{n} shared strategies make no pair")
    signs = [np.sign(side[:, None] - side[None, :]) for side in (one, other)]
    value = _under(np.ones((1, n)), *signs)[0]
    if n < FEWEST:
        note = f"{n} shared strategies give no interval"
        accuracy, tau = (Share(float(part), unknown, unknown) for part in value)
        return Agreement(accuracy, tau, n, pairs, note)
    if method == "jackknife":
        weights = 1.0 - np.eye(n)
    else:
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    again = _under(weights, *signs)
    accuracy = _share(2 * float(value[0]) - 1, 2 * again[:, 0] - 1, method)
    tau = _share(float(value[1]), again[:, 1], method)
    notes = {
        "one side ties all strategies: no tau": np.isnan(value[1]),
        "perfect agreement: no spread to take an interval from": abs(2 * value[0] - 1) == 1,
    }
    halved = Share(*((1 + part) / 2 for part in (accuracy.value, accuracy.low, accuracy.high)))
    return Agreement(halved, tau, n, pairs, "; ".join(note for note, holds in notes.items() if holds))


def _under(weights: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Accuracy and tau-b under each row of `weights`, shape (m, n); returns shape (m, 2)."""
    alike = 1 - np.abs(first - second) / 2
    np.fill_diagonal(alike, 0.0)
    of_pairs = np.ones_like(alike) - np.eye(len(alike))
    forms = [
        np.einsum("mi,mi->m", weights @ matrix, weights)
        for matrix in (alike, of_pairs, first * second, first**2, second**2)
    ]
    found = np.full((len(weights), 2), np.nan)
    np.divide(forms[0], forms[1], out=found[:, 0], where=forms[1] > 0)
    untied = np.sqrt(forms[3] * forms[4])
    np.divide(forms[2], untied, out=found[:, 1], where=untied > 0)
    return found


def _share(value: float, again: np.ndarray, method: str) -> Share:
    if np.isnan(value) or abs(value) >= 1 - 1e-12:
        return Share(value, float("nan"), float("nan"))
    return Share(value, *(fisher_interval(value, again) if method == "jackknife" else percentile_interval(again)))
