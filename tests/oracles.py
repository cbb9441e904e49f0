"""Literal forms of what the fast kernels compute, written from the formulas and never fast.

One tie rule for all: the lowest row whose value is within 1e-12 (relative) of the largest; distances under 1e-12
are 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

TIE = 1e-12


def first_of_largest(values: np.ndarray, unit: float | np.ndarray = 0.0) -> int:
    """The lowest row among the largest values, as the tie rule has it; a row's tie is that of its `unit` at least."""
    best = values.max()
    return int(np.flatnonzero(values >= best - TIE * np.maximum(best, unit))[0])


def k_center(embeddings: np.ndarray, budget: int, first: int) -> list[int]:
    """Farthest-first: every distance to every pick, in float64."""
    rows = embeddings.astype(np.float64)
    picks = [first]
    while len(picks) < budget:
        distances = np.stack([((rows - rows[pick]) ** 2).sum(axis=1) for pick in picks])
        distances[distances < TIE] = 0.0
        nearest = distances.min(axis=0)
        nearest[picks] = -1.0
        picks.append(first_of_largest(nearest))
    return picks


def facility_location(similarity: np.ndarray, budget: int, quality: np.ndarray | None = None) -> list[int]:
    """Greedy over every gain in every step, in float64.

    Gains are differences of values of 1, so they tie as values of 1 do, times the quality that multiplies both.
    """
    kernel = similarity.astype(np.float64)
    weights = np.ones(len(kernel)) if quality is None else quality
    covered = np.zeros(len(kernel))
    picks: list[int] = []
    while len(picks) < budget:
        rest = kernel - covered
        rest[rest < TIE] = 0.0
        gains = rest.sum(axis=1) * weights
        gains[picks] = -np.inf
        picks.append(first_of_largest(gains, unit=weights))
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks


def cosine_kernel(embeddings: np.ndarray) -> np.ndarray:
    """(1 + cosine) / 2 of unit rows, in float64, summed pair by pair so that equal rows have equal similarities."""
    rows = embeddings.astype(np.float64)
    return np.stack([0.5 + 0.5 * (rows * one).sum(axis=1) for one in rows])


def farthest(embeddings: np.ndarray, budget: int, first: int) -> list[int]:
    """The largest sum of cosine distances to all picks, every distance in float64."""
    distances = 1.0 - cosines(embeddings)
    distances[distances < TIE] = 0.0
    picks = [first]
    while len(picks) < budget:
        sums = distances[:, picks].sum(axis=1)
        sums[picks] = -1.0
        picks.append(first_of_largest(sums))
    return picks


def repr_filter(embeddings: np.ndarray, budget: int, order: Sequence[int], threshold: float) -> tuple[list[int], int]:
    """Accept in order what resembles nothing accepted; fill up with the least similar of the rest."""
    similar = cosines(embeddings)
    accepted: list[int] = []
    for row in order:
        if len(accepted) < budget and all(similar[row, other] < threshold - TIE for other in accepted):
            accepted.append(int(row))
    rest = [int(row) for row in order if row not in accepted]
    rest.sort(key=lambda row: round(max(similar[row, other] for other in accepted), 12))
    return [*accepted, *rest][:budget], len(accepted)


def cosines(embeddings: np.ndarray) -> np.ndarray:
    """All cosines in float64, summed pair by pair."""
    rows = embeddings.astype(np.float64)
    lengths = np.sqrt((rows * rows).sum(axis=1))
    return np.stack([(rows * one).sum(axis=1) / (lengths * length) for one, length in zip(rows, lengths, strict=True)])


def nearest_kernel(embeddings: np.ndarray, neighbours: int) -> np.ndarray:
    """The cosine kernel with, for each row (a column here), only itself and its nearest others; the rest is 0."""
    kernel = cosine_kernel(embeddings)
    kept = np.zeros_like(kernel)
    for row, similar in enumerate(kernel):
        others = sorted((other for other in range(len(kernel)) if other != row), key=lambda other: -similar[other])
        places = [row, *others[:neighbours]]
        kept[places, row] = similar[places]
    return kept


def prune_types(samples: Sequence[Sequence[int]], keep: int, *, recount: bool = True) -> list[int]:
    """Drop the type with the fewest samples (lower type of ties) and all of these, until few enough types are left."""
    left = {row: set(held) for row, held in enumerate(samples)}
    at_first = Counter(kind for held in left.values() for kind in held)
    while True:
        counts = Counter(kind for held in left.values() for kind in held)
        if len(counts) <= keep:
            return sorted(left)
        order = counts if recount else at_first
        fewest = min(counts, key=lambda kind: (order[kind], kind))
        left = {row: held for row, held in left.items() if fewest not in held}


def prune_samples(samples: Sequence[Sequence[int]], keep: int) -> list[int]:
    """Drop the sample that alone holds the fewest types (lower row of ties), until few enough types are left."""
    left = {row: set(held) for row, held in enumerate(samples)}
    while True:
        counts = Counter(kind for held in left.values() for kind in held)
        if len(counts) <= keep:
            return sorted(left)
        del left[min(left, key=lambda row: (sum(counts[kind] == 1 for kind in left[row]), row))]


def knn_density(embeddings: np.ndarray, reference: np.ndarray, neighbours: int, power: float) -> np.ndarray:
    """Mean squared distance to the nearest different rows of the reference, each counted once."""
    others = np.unique(reference.astype(np.float64), axis=0)
    values = []
    for row in embeddings.astype(np.float64):
        kept = others[(others != row).any(axis=1)]
        distances = np.sort(((kept - row) ** 2).sum(axis=1))[:neighbours]
        values.append((distances.mean() + 1e-9) ** -power)
    return np.asarray(values)


def max_coverage(
    states: Sequence[Sequence[int]],
    budget: int,
    round_gain: float,
    scores: Sequence[Sequence[float]] | None = None,
) -> list[int]:
    """Most neurons that no pick of the round holds; then the largest sum of their scores; then the lowest row."""
    held = [dict(zip(state, scores[row] if scores else state, strict=True)) for row, state in enumerate(states)]
    sizes = [len(neurons) for neurons in held if neurons]
    least = round_gain * (sum(sizes) / len(sizes) if sizes else 0.0)
    covered: set[int] = set()
    picks: list[int] = []
    while len(picks) < budget:
        best: tuple[float, float, int] | None = None
        for row in sorted(set(range(len(held))) - set(picks)):
            new = sorted(set(held[row]) - covered)
            value = (len(new), sum(held[row][neuron] for neuron in new) if scores else 0.0, -row)
            best = max(best or value, value)
        assert best is not None
        if best[0] < least and covered:
            covered = set()
            continue
        picks.append(int(-best[2]))
        covered |= set(held[picks[-1]])
    return picks


def weighted_coverage(
    states: Sequence[Sequence[int]], budget: int, weights: Sequence[float], growth: str, round_gain: float
) -> list[int]:
    """Largest gain in the sum of weight x growth(count) over neurons, every gain counted anew in every step."""
    held = [sorted(set(state)) for state in states]

    def gain(row: int, counts: Counter[int]) -> float:
        total = 0.0
        for neuron in held[row]:
            count = counts[neuron]
            step = float(count == 0) if growth == "step" else 1.0 / (count**0.5 + (count + 1) ** 0.5)
            total += weights[neuron] * step
        return total

    worths = [gain(row, Counter()) for row in range(len(held)) if held[row]]
    least = round_gain * (float(np.mean(worths)) if worths else 0.0) * (1 - TIE)
    counts: Counter[int] = Counter()
    picks: list[int] = []
    in_round = 0
    while len(picks) < budget:
        gains = np.asarray([-1.0 if row in picks else gain(row, counts) for row in range(len(held))])
        if gains.max() < least and in_round:
            counts, in_round = Counter(), 0
            continue
        picks.append(first_of_largest(gains))
        counts.update(held[picks[-1]])
        in_round += 1
    return picks


def novelsum(
    embeddings: np.ndarray, density: np.ndarray, distance_power: float, *, count_self: bool = True
) -> np.longdouble:
    """NovelSum one pair and one row at a time, in extended precision, distances weighted before they are sorted."""
    rows = embeddings.astype(np.longdouble)
    rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    averages = []
    for one, row in enumerate(rows):
        distances = np.asarray([np.longdouble(1) - (row * other).sum() for other in rows])
        distances[distances < TIE] = 0.0
        weighted = sorted(density[one] * distances[other] for other in range(len(rows)) if count_self or other != one)
        weights = [np.longdouble(rank) ** -distance_power for rank in range(1, len(weighted) + 1)]
        averages.append(sum(w * v for w, v in zip(weights, weighted, strict=True)) / sum(weights))
    return np.longdouble(sum(averages) / len(rows))


def novelselect(
    embeddings: np.ndarray,
    density: np.ndarray,
    budget: int,
    first: int,
    distance_power: float = 1.0,
    quality: np.ndarray | None = None,
) -> list[int]:
    """Every value of every row in every step: the density-weighted distances to all picks sorted, then weighted."""
    rows = embeddings.astype(np.float64)
    distances = 1.0 - np.asarray([[float((one * other).sum()) for other in rows] for one in rows])
    distances[distances < TIE] = 0.0
    weights = np.ones(len(rows)) if quality is None else quality
    picks = [first]
    while len(picks) < budget:
        scaled = np.sort((density[:, None] + density[picks]) * distances[:, picks], axis=1)
        values = (scaled * np.arange(1.0, len(picks) + 1) ** -distance_power).mean(axis=1) * weights
        values[picks] = -1.0
        picks.append(first_of_largest(values))
    return picks
