"""Strengths from pairwise judgements: Bradley and Terry's model by maximum likelihood, with intervals.

Row i is preferred to row j with probability 1 / (1 + exp(b_j - b_i)). Only differences of strengths have a meaning;
they are centred, so their mean is zero. A tie counts as half a win to each side. Intervals are Wald's, from the inverse
of the Fisher information on the space of centred strengths; ties vary less than a half-won game would, so with many of
them intervals err on the wide side. Source: Bradley and Terry (1952), Biometrika 39; when there is a maximum: Ford
(1957), American Mathematical Monthly 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

CONFIDENCE = 0.95
STEPS = 100
SHOWN = 4


@dataclass(frozen=True)
class Strengths:
    """Log-odds strengths of rows, centred, with 95 % intervals; `covariance` has shape (k, k) and rank k - 1."""

    names: tuple[str, ...]
    strength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    covariance: np.ndarray
    judgements: float

    def preferred(self, first: str, second: str) -> tuple[float, float, float]:
        """The probability that `first` is preferred to `second` with its 95 % interval: (value, low, high)."""
        one, other = self.names.index(first), self.names.index(second)
        gap = self.strength[one] - self.strength[other]
        variance = self.covariance[one, one] + self.covariance[other, other] - 2 * self.covariance[one, other]
        reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(max(variance, 0.0))
        value, low, high = 1 / (1 + np.exp(-(gap + np.array([0.0, -reach, reach]))))
        return float(value), float(low), float(high)


def bradley_terry(wins: np.ndarray, ties: np.ndarray | None = None, *, names: Sequence[str] | None = None) -> Strengths:
    """Strengths from `wins[i, j]`, how often row i was preferred to row j, and `ties[i, j]` (symmetric).

    Deterministic. Raises ValueError on counts that are negative or not finite, on fewer than two rows, where some rows
    were never compared with the others, and where some won every comparison with the others: no strengths say how far
    apart those are. The message names the rows.
    """
    table = np.asarray(wins, dtype=np.float64).copy()
    k = len(table)
    called = tuple(names) if names is not None else tuple(str(row) for row in range(k))
    if table.ndim != 2 or table.shape[1] != k or k < 2 or len(called) != k:
        raise ValueError(f"wins must be a square table of two or more named rows, not of shape {table.shape}")
    if ties is not None:
        equal = np.asarray(ties, dtype=np.float64)
        if equal.shape != table.shape or not np.array_equal(equal, equal.T):
            raise ValueError("ties must be a symmetric table of the shape of wins")
        table += equal / 2
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError("wins and ties are counts: finite and not negative")
    np.fill_diagonal(table, 0.0)
    _check_that_strengths_exist(table, called)
    strength, information = _maximum(table)
    # The information is singular along equal shifts of all strengths; this inverts it on the centred ones.
    covariance = np.linalg.inv(information + 1 / k) - 1 / k
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Strengths(called, strength, strength - reach, strength + reach, covariance, float(table.sum()))


def _check_that_strengths_exist(table: np.ndarray, names: tuple[str, ...]) -> None:
    groups, group = connected_components(sparse.csr_array(table + table.T), directed=False)
    if groups > 1:
        apart, others = _listed(names, group == 0), _listed(names, group != 0)
        raise ValueError(f"{apart} were never compared with {others}, so no strength relates them")
    groups, group = connected_components(sparse.csr_array(table), directed=True, connection="strong")
    for one in range(groups):
        inside = group == one
        if groups > 1 and not table[np.ix_(~inside, inside)].any():
            above, below = _listed(names, inside), _listed(names, ~inside)
            raise ValueError(f"{above} won every comparison with {below}, so their distance has no upper limit")


def _listed(names: tuple[str, ...], chosen: np.ndarray) -> str:
    found = [name for name, taken in zip(names, chosen, strict=True) if taken]
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _maximum(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method on the concave log-likelihood, halving steps that overshoot; strengths and information."""
    games, k = table + table.T, len(table)
    strength = np.zeros(k)
    value = _likelihood(table, strength)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
        gradient = (table - games * chance).sum(axis=1)
        weight = games * chance * (1 - chance)
        information = np.diag(weight.sum(axis=1)) - weight
        step = np.linalg.solve(information + 1 / k, gradient)
        while _likelihood(table, strength + step) < value - 1e-12 * abs(value):
            step = step / 2
        strength = strength + step
        value = _likelihood(table, strength)
        if np.abs(step).max() < 1e-10:
            break
    return strength - strength.mean(), information


def _likelihood(table: np.ndarray, strength: np.ndarray) -> float:
    return -float((table * np.logaddexp(0.0, strength[None, :] - strength[:, None])).sum())
