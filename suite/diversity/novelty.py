"""NovelSum: how far each pick lies from the others, the near ones counting most, weighted by density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.pairs import cosine_distances
from suite.diversity.reading import EmbeddingMetric
from suite.errors import ParameterError, SelectionError
from suite.features import Density, Embeddings, Progress, no_progress
from suite.features.density import knn_density
from suite.features.unit_length import unit_rows
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool
    from suite.selection import Selection


@register(
    "novelsum",
    family="both",
    paper="Yang et al. (ACL 2025), arXiv 2502.17184, section 4",
    cost="k^2 d (density, once a pool: n^2 d)",
    deterministic=True,
)
@dataclass(frozen=True)
class NovelSum(EmbeddingMetric):
    """Mean over picks of the density-weighted distance to all picks, near ones weighing most; higher is more diverse.

    With d the cosine distance and delta_i the density of pick i within the whole pool, sort delta_i d(i, j) over j
    ascending, the pick's own 0 included, and average with weights 1 / rank^distance_power; then take the mean over
    i. `density_power` 0 leaves the pool out of it. One pick, and picks that are all alike, give 0. Values compare at
    equal size alone. Source: Yang et al. (ACL 2025), section 4, and its public code.
    """

    formula: ClassVar[str] = (
        r"\frac{1}{m} \sum_{i \in S} \frac{\sum_{r=1}^{m} r^{-p} \, \delta_i \, d(i, i_r)}{\sum_{r=1}^{m} "
        r"r^{-p}}, \qquad d(i, i_1) \le d(i, i_2) \le \dots, \qquad \delta_i = \left( \frac{1}{K} \sum_{l \in "
        r"\mathrm{NN}_K(i)} \lVert x_i - x_l \rVert^2 + 10^{-9} \right)^{-a}"
    )

    neighbours: int = 10
    density_power: float = 0.5
    distance_power: float = 1.0
    count_self: bool = True

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError("neighbours must be at least 1")
        if not math.isfinite(self.density_power) or not 0 <= self.distance_power < math.inf:
            raise ValueError("density_power must be a number, and distance_power one of at least 0")

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view and, unless `density_power` is 0, their density within the pool."""
        return super().requires(track) + ((self._density,) if self.density_power else ())

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """As `novelsum`, with the pool as reference; SelectionError for one pick without `count_self`."""
        rows = np.sort(selection.rows)
        embeddings = features[Embeddings(view=self.view)][rows]
        density = np.asarray(features[self._density][rows]) if self.density_power else np.ones(len(rows))
        return mean_novelty(
            embeddings,
            density,
            distance_power=self.distance_power,
            count_self=self.count_self,
            progress=features.progress,
        )

    @property
    def _density(self) -> Density:
        return Density(neighbours=self.neighbours, power=self.density_power, view=self.view)


def novelsum(
    embeddings: np.ndarray,
    reference: np.ndarray | None,
    *,
    neighbours: int = 10,
    density_power: float = 0.5,
    distance_power: float = 1.0,
    count_self: bool = True,
) -> float:
    """NovelSum of a selection's embeddings (m, d) against reference embeddings (n, d): higher is more diverse.

    Rows are unit rows in any float type; others are scaled to length 1, for distances and density alike. The work is
    done in float64, and cosine distances under 1e-12 are 0. The density of each row is `knn_density` within the
    reference: its own row is dropped there and exact copies count once. `density_power` 0 switches the reference off
    (it may then be None). `count_self` keeps the zero distance of a row to itself as the first rank, as the published
    code does. Within 1e-6 of the literal float64 form; no m x m matrix is kept. Values compare at equal m alone.
    Deterministic.

    Raises FeatureError for bad shapes, values or rows of zeros, ParameterError for a bad power, SelectionError for
    a single row without `count_self`. Source: Yang et al. (ACL 2025), section 4.
    """
    density = np.ones(len(embeddings))
    if density_power:
        if reference is None:
            raise ParameterError("NovelSum needs a reference for its density, unless density_power is 0.")
        density = knn_density(embeddings, reference, neighbours=neighbours, power=density_power)
    return mean_novelty(embeddings, density, distance_power=distance_power, count_self=count_self)


def mean_novelty(
    embeddings: np.ndarray,
    density: np.ndarray,
    *,
    distance_power: float,
    count_self: bool,
    progress: Progress = no_progress,
) -> float:
    """Mean over rows i of density_i times the rank-weighted mean distance; `embeddings` (m, d), `density` (m,).

    A row's density is the same for all its distances, so ranking by distance alone gives the same order.
    """
    from suite.diversity.kernels.sorted_rows import sort_rows

    unit = unit_rows(embeddings)
    if not 0 <= distance_power < math.inf:
        raise ParameterError(f"distance_power must be a number of at least 0, not {distance_power}.")
    ranks = len(unit) if count_self else len(unit) - 1
    if ranks < 1:
        raise SelectionError("NovelSum needs at least two picks when count_self is off.")
    weights = np.arange(1, ranks + 1, dtype=np.float64) ** -distance_power
    weights /= weights.sum()
    total = 0.0
    for start, distances in cosine_distances(unit, progress):
        sort_rows(distances)
        # A row's distance to itself is 0, and so among the first.
        total += float(density[start : start + len(distances)] @ (distances[:, len(unit) - ranks :] @ weights))
    return total / len(unit)
