"""How densely a reference set lies around each sample: the one implementation behind NovelSum and NovelSelect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError, ParameterError
from suite.features.base import Feature, Features, TrackContext
from suite.features.embeddings import Embeddings
from suite.features.unit_length import unit_rows
from suite.pool.pool import View
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.pool import Pool

EPSILON = 1e-9
BLOCK_BYTES = 128 * 1024 * 1024
# A float32 product of unit rows is off by at most this much in practice (d up to 8,192); candidates that lie
# closer to the K-th than this are looked at in float64.
ROUNDING = 1e-5
# How far the length of a row may be from 1: rows that float16 left so are taken as they are, as `novelselect` does.
LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True)
class NeighbourDistances:
    """Mean squared distance of each sample to its nearest others, (n,), float64, and the farthest there are.

    No two samples are farther apart than the cosine distance `farthest`.
    """

    mean_squared: np.ndarray
    farthest: float


@dataclass(frozen=True)
class Neighbours(Feature):
    """The pass over all pairs of a pool behind its density, opened as NeighbourDistances; one for all powers."""

    neighbours: int = 10
    view: View = "both"
    embedder: str | None = None
    dimensions: int | None = None

    kind: ClassVar[str] = "neighbours"
    libraries: ClassVar[tuple[str, ...]] = ("numba", "numpy")

    def resolve(self, track: TrackContext) -> Neighbours:
        """The track's embedder filled in."""
        embeddings = Embeddings(self.view, self.embedder, self.dimensions).resolve(track)
        return replace(self, embedder=embeddings.embedder, dimensions=embeddings.dimensions)

    def requires(self) -> tuple[Feature, ...]:
        """The embeddings it is measured in."""
        return (self._embeddings,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameter of its key; the embeddings are part of it by their own key."""
        return {"neighbours": self.neighbours}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Measure every sample against the whole pool."""
        rows = features[self._embeddings]
        found = neighbour_distances(rows, rows, neighbours=self.neighbours, progress=progress)
        return {"mean_squared": found.mean_squared, "farthest": np.asarray([found.farthest])}

    def open(self, arrays: Mapping[str, np.ndarray]) -> NeighbourDistances:
        """The distances, memory-mapped."""
        return NeighbourDistances(arrays["mean_squared"], float(arrays["farthest"][0]))

    @property
    def _embeddings(self) -> Embeddings:
        return Embeddings(self.view, self.embedder, self.dimensions)


@dataclass(frozen=True)
class Density(Feature):
    """Density of every sample within the whole pool, shape (n,), float64: higher is more crowded.

    Yang et al. (ACL 2025), section 4; see `knn_density`. Read it beside `Embeddings` of the same view and embedder.
    """

    neighbours: int = 10
    power: float = 0.5
    view: View = "both"
    embedder: str | None = None
    dimensions: int | None = None

    kind: ClassVar[str] = "density"

    def resolve(self, track: TrackContext) -> Density:
        """The track's embedder filled in."""
        embeddings = Embeddings(self.view, self.embedder, self.dimensions).resolve(track)
        return replace(self, embedder=embeddings.embedder, dimensions=embeddings.dimensions)

    def requires(self) -> tuple[Feature, ...]:
        """The distances to the nearest."""
        return (self._neighbours,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameter of its key; the distances are part of it by their own key."""
        return {"power": self.power}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Raise the mean distances to the power."""
        return {"density": density_of(features[self._neighbours].mean_squared, self.power)}

    @property
    def _neighbours(self) -> Neighbours:
        return Neighbours(self.neighbours, self.view, self.embedder, self.dimensions)


def knn_density(
    embeddings: np.ndarray,
    reference: np.ndarray,
    *,
    neighbours: int,
    power: float,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Density of each embedding in a reference set: (mean of its K squared distances + 1e-9) ** -power.

    `embeddings` (m, d) and `reference` (n, d) are unit rows in any float type; returns shape (m,), float64, higher
    where it is more crowded. Lengths within 1e-3 of 1 are taken as they are (float16 leaves such); where one is
    farther off, all rows of both are scaled to length 1 in float64 first. The K = `neighbours` nearest are by squared
    Euclidean distance. Exactly equal reference rows count once and a row equal to the sample itself is dropped; where
    fewer than K are left, all of them count (our reading). Candidates come from a blocked float32 product; their
    distances are computed again in float64 as sum((x - y) ** 2). Deterministic. Raises FeatureError for bad shapes or
    values, rows of zeros, or when nothing but the sample itself is in the reference, ParameterError for a power that
    gives no finite density. Source: Yang et al. (ACL 2025), section 4, and its public code.
    """
    _check_power(power)
    found = neighbour_distances(embeddings, reference, neighbours=neighbours, progress=progress)
    return density_of(found.mean_squared, power)


def density_of(mean_squared: np.ndarray, power: float) -> np.ndarray:
    """Densities from mean squared distances to the nearest, same shape, float64.

    Raises ParameterError for a power that is no finite number, or with which a density is none.
    """
    _check_power(power)
    with np.errstate(over="ignore"):
        density = np.asarray((np.asarray(mean_squared, dtype=np.float64) + EPSILON) ** -power)
    if not np.isfinite(density).all():
        raise ParameterError(f"With a power of {power:g} a density is no finite number; take a smaller one.")
    return density


def _check_power(power: float) -> None:
    if not math.isfinite(power):
        raise ParameterError(f"The power of a density must be a finite number, not {power}.")


def neighbour_distances(
    embeddings: np.ndarray, reference: np.ndarray, *, neighbours: int, progress: Progress = no_progress
) -> NeighbourDistances:
    """Mean squared distances of each embedding to its nearest in a reference set; see `knn_density`."""
    rows, others = _checked(embeddings, "embeddings"), _checked(reference, "reference")
    if rows.shape[1] != others.shape[1]:
        raise FeatureError(f"Embeddings have {rows.shape[1]} dimensions and the reference {others.shape[1]}.")
    if neighbours < 1:
        raise FeatureError(f"A density needs at least 1 neighbour, not {neighbours}.")
    squares = _squared_lengths(others)
    every = squares if embeddings is reference else np.concatenate([squares, _squared_lengths(rows)])
    if (abs(np.sqrt(every) - 1.0) > LENGTH_TOLERANCE).any():
        rows, others, squares = unit_rows(rows), unit_rows(others, " of the reference"), np.ones(len(others))
    # Of others a little longer or shorter, the one of the larger product may be the farther: half of what their
    # squared lengths differ by is the most that this can hide.
    slack = 2 * ROUNDING + float(squares.max() - squares.min()) / 2
    common = np.result_type(rows, others)
    rows, (others, place) = rows.astype(common, copy=False), _distinct(others.astype(common, copy=False))
    own = np.asarray([place.get(row.tobytes(), -1) for row in rows], dtype=np.int64)
    if (len(others) - (own >= 0) < 1).any():
        raise FeatureError("A density needs at least one reference row that differs from the sample.")
    means = np.empty(len(rows))
    least = 1.0
    block = max(1, BLOCK_BYTES // (4 * len(others)))
    for start in range(0, len(rows), block):
        stop = min(start + block, len(rows))
        similarity = rows[start:stop].astype(np.float32, copy=False) @ others.astype(np.float32, copy=False).T
        least = min(least, float(similarity.min()))
        block_rows, block_own = rows[start:stop], own[start:stop]
        means[start:stop] = _mean_squared_distances(similarity, block_rows, others, block_own, neighbours, slack)
        progress(stop, len(rows))
    return NeighbourDistances(means, 1.0 - least + ROUNDING)


def _mean_squared_distances(
    similarity: np.ndarray, rows: np.ndarray, others: np.ndarray, own: np.ndarray, neighbours: int, slack: float
) -> np.ndarray:
    from suite.features.nearest import mean_of_nearest

    held = np.flatnonzero(own >= 0)
    similarity[held, own[held]] = -np.inf
    return mean_of_nearest(similarity, rows, others, own, neighbours, slack)


def _checked(rows: np.ndarray, name: str) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or not rows.size:
        raise FeatureError(f"The {name} must be a matrix with at least one row, not of shape {rows.shape}.")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float32)
    if not np.isfinite(rows).all():
        raise FeatureError(f"The {name} hold a value that is not a number.")
    # Adding zero turns -0.0 into 0.0, so that equal rows have equal bytes.
    return np.ascontiguousarray(rows + rows.dtype.type(0))


def _squared_lengths(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, dict[bytes, int]]:
    """The different rows, in order of first appearance, and where each stands."""
    place: dict[bytes, int] = {}
    first: list[int] = []
    for number, row in enumerate(rows):
        if place.setdefault(row.tobytes(), len(first)) == len(first):
            first.append(number)
    return (rows if len(first) == len(rows) else rows[first]), place
