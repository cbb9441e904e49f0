"""How densely a reference set lies around each sample: the one implementation behind NovelSum and NovelSelect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.embeddings import Embeddings
from suite.pool.pool import View
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.pool import Pool

EPSILON = 1e-9
BLOCK_BYTES = 128 * 1024 * 1024
# A float32 product of unit rows is off by at most this much in practice (d up to 8,192); candidates that lie
# closer to the K-th than this are looked at in float64.
ROUNDING = 1e-5


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
    libraries: ClassVar[tuple[str, ...]] = ("numba", "numpy")

    def resolve(self, track: TrackContext) -> Density:
        """The track's embedder filled in."""
        embeddings = Embeddings(self.view, self.embedder, self.dimensions).resolve(track)
        return replace(self, embedder=embeddings.embedder, dimensions=embeddings.dimensions)

    def requires(self) -> tuple[Feature, ...]:
        """The embeddings it is measured in."""
        return (self._embeddings,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key; the embeddings are part of it by their own key."""
        return {"neighbours": self.neighbours, "power": self.power}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Measure every sample against the whole pool."""
        rows = features[self._embeddings]
        density = knn_density(rows, rows, neighbours=self.neighbours, power=self.power, progress=progress)
        return {"density": density}

    @property
    def _embeddings(self) -> Embeddings:
        return Embeddings(self.view, self.embedder, self.dimensions)


def knn_density(
    embeddings: np.ndarray,
    reference: np.ndarray,
    *,
    neighbours: int,
    power: float,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Density of each embedding in a reference set: (mean of its K squared distances + 1e-9) ** -power.

    `embeddings` (m, d) and `reference` (n, d) are unit rows; returns shape (m,), float64, higher where it is more
    crowded. The K = `neighbours` nearest are by squared Euclidean distance. Exactly equal reference rows count once
    and a row equal to the sample itself is dropped; where fewer than K are left, all of them count (our reading).
    Candidates come from a blocked float32 product; their distances are computed again in float64 as
    sum((x - y) ** 2). Deterministic. Raises FeatureError for bad shapes or values, or when nothing but the sample
    itself is in the reference. Source: Yang et al. (ACL 2025), section 4, and its public code.
    """
    rows, others = _checked(embeddings, "embeddings"), _checked(reference, "reference")
    if rows.shape[1] != others.shape[1]:
        raise FeatureError(f"Embeddings have {rows.shape[1]} dimensions and the reference {others.shape[1]}.")
    if neighbours < 1:
        raise FeatureError(f"A density needs at least 1 neighbour, not {neighbours}.")
    common = np.result_type(rows, others)
    rows, (others, place) = rows.astype(common, copy=False), _distinct(others.astype(common, copy=False))
    own = np.asarray([place.get(row.tobytes(), -1) for row in rows], dtype=np.int64)
    if (len(others) - (own >= 0) < 1).any():
        raise FeatureError("A density needs at least one reference row that differs from the sample.")
    means = np.empty(len(rows))
    block = max(1, BLOCK_BYTES // (4 * len(others)))
    for start in range(0, len(rows), block):
        stop = min(start + block, len(rows))
        means[start:stop] = _mean_squared_distances(rows[start:stop], others, own[start:stop], neighbours)
        progress(stop, len(rows))
    return np.asarray((means + EPSILON) ** -power)


def _mean_squared_distances(rows: np.ndarray, others: np.ndarray, own: np.ndarray, neighbours: int) -> np.ndarray:
    from suite.features.nearest import mean_of_nearest

    similarity = rows.astype(np.float32, copy=False) @ others.astype(np.float32, copy=False).T
    held = np.flatnonzero(own >= 0)
    similarity[held, own[held]] = -np.inf
    return mean_of_nearest(similarity, rows, others, own, neighbours, ROUNDING)


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


def _distinct(rows: np.ndarray) -> tuple[np.ndarray, dict[bytes, int]]:
    """The different rows, in order of first appearance, and where each stands."""
    place: dict[bytes, int] = {}
    first: list[int] = []
    for number, row in enumerate(rows):
        if place.setdefault(row.tobytes(), len(first)) == len(first):
            first.append(number)
    return (rows if len(first) == len(rows) else rows[first]), place
