"""NovelSelect: greedy maximisation of NovelSum, distance and density together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.quality import SCORES, QualityWeight
from suite.features import Density, Embeddings, Neighbours, View
from suite.registry import Replay, Strategy, register

if TYPE_CHECKING:
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool


@register(
    "novelselect",
    level="embedding",
    paper="NovelSelect, Yang et al. (ACL 2025), arXiv 2502.17184, section 6",
    cost="n budget d",
)
@dataclass(frozen=True)
class NovelSelect(Strategy):
    """Always take the sample farthest from the picks so far, near picks and crowded regions counting most.

    Begin at a random row; then take the row with the largest mean over picks of rank ** -distance_power (density_x +
    density_pick) d(x, pick), ranks ascending over these weighted cosine distances. Density is that of the pool around
    a sample, from its `neighbours` nearest, to the power `density_power` (0: none). `quality` multiplies the value,
    as for `facility-location`. Exact: picks are those of a literal float64 evaluation; any step can be replayed.
    """

    formula: ClassVar[str] = (
        r"s_{t+1} = \underset{x \notin S_t}{\operatorname{argmax}} \; \frac{1}{|S_t|} \sum_{j \in S_t} r_x(j)^{-p} \, "
        r"(\delta_x + \delta_j) \, d(x, j), \qquad \delta_i = \left( \frac{1}{K} \sum_{l \in "
        r"\mathrm{NN}_K(i)} \lVert x_i - x_l \rVert^2 + 10^{-9} \right)^{-a}"
    )

    neighbours: int = 10
    density_power: float = 0.5
    distance_power: float = 1.0
    quality: str = "none"
    quality_column: str = SCORES
    quality_weight: float = 1.0
    view: View = "both"

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, not {self.neighbours}")
        for name in ("density_power", "distance_power", "quality_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number that is not negative, not {getattr(self, name)}")
        QualityWeight(self.quality, self.quality_column)  # raises ValueError for what is no quality

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """Embeddings of the view, their density in the pool, and what the quality is read from."""
        density = (self._density, self._neighbours) if self.density_power else ()
        return (Embeddings(view=self.view), *density, *self._weight.requires())

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order picked, shape (budget,), int64."""
        import psutil

        from strategies.kernels import novelselect

        embeddings, density, quality = self._arrays(features)
        return novelselect(
            embeddings,
            density,
            budget,
            first=int(rng.integers(len(pool))),
            distance_power=self.distance_power,
            quality=quality,
            farthest=features[self._neighbours].farthest if self.density_power else 2.0,
            # More memory makes it faster and picks the same rows; another process may want as much at the same time.
            memory=psutil.virtual_memory().available // 3,
            progress=features.progress,
        )

    def replay(self, rows: np.ndarray, step: int, *, features: Features) -> Replay:
        """One step of a selection that this strategy made, evaluated anew over the whole pool."""
        from strategies.kernels import replay_novelselect

        embeddings, density, quality = self._arrays(features)
        done = replay_novelselect(
            embeddings,
            density,
            rows,
            step,
            distance_power=self.distance_power,
            quality=quality,
            progress=features.progress,
        )
        return Replay(done.step, done.picked, done.winner, done.picked_value, done.winner_value)

    def _arrays(self, features: Features) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        # Equal samples must be at distance 0, which float32 rows of length 1 +- 1e-7 are not.
        rows = np.asarray(features[Embeddings(view=self.view)], dtype=np.float64)
        rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        density = np.asarray(features[self._density]) if self.density_power else np.ones(len(rows))
        return rows, density, self._weight.read(features, self.quality_weight)

    @property
    def _density(self) -> Density:
        return Density(neighbours=self.neighbours, power=self.density_power, view=self.view)

    @property
    def _neighbours(self) -> Neighbours:
        return Neighbours(neighbours=self.neighbours, view=self.view)

    @property
    def _weight(self) -> QualityWeight:
        return QualityWeight(self.quality, self.quality_column)
