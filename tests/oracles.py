"""Literal forms of what the fast kernels compute, written from the formulas and never fast.

One tie rule for all: the lowest row whose value is within 1e-12 (relative) of the largest; distances under 1e-12
are 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

TIE = 1e-12


def first_of_largest(values: np.ndarray) -> int:
    """The lowest row among the largest values, as the tie rule has it."""
    return int(np.flatnonzero(values >= values.max() * (1 - TIE))[0])


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
    """Greedy over every gain in every step, in float64."""
    kernel = similarity.astype(np.float64)
    weights = np.ones(len(kernel)) if quality is None else quality
    covered = np.zeros(len(kernel))
    picks: list[int] = []
    while len(picks) < budget:
        rest = kernel - covered
        rest[rest < TIE] = 0.0
        gains = rest.sum(axis=1) * weights
        gains[picks] = -1.0
        picks.append(first_of_largest(gains))
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks


def cosine_kernel(embeddings: np.ndarray) -> np.ndarray:
    """(1 + cosine) / 2 of unit rows, in float64, one pair at a time so that equal rows have equal similarities."""
    rows = embeddings.astype(np.float64)
    return np.asarray([[0.5 + 0.5 * float((one * other).sum()) for other in rows] for one in rows])


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
