"""Points in the plane for which it is known by construction which of two selections holds more unique information.

After the simulation of Yang et al. (ACL 2025, arXiv 2502.17184). The plane is laid on the unit sphere by the inverse
stereographic projection, which keeps angles, so that metrics of cosine distance see the plane's neighbourhoods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from suite.diversity.distribution import Clusters, k_means
from suite.features import Density, Embeddings, Features, TrackContext
from suite.features.density import knn_density
from suite.pool import Pool, pool_from_records
from suite.registry import Metric, metrics
from suite.selection import Selection

PICKS = 150
WORLDS = 6
GENTLE: Mapping[str, float] = {"spread": 0.3, "background": 0.5}
STEEP: Mapping[str, float] = {"spread": 0.1, "background": 0.2}
# (less unique information, more), by construction.
PAIRS = (
    ("duplicated", "random"),
    ("two clusters", "even"),
    ("even", "spread by density"),
    ("two clusters", "spread by density"),
    ("outliers", "spread by density"),
)
METRICS = (
    "novelsum",
    "novelsum:density_power=0",
    "novelsum:density_power=1",
    "novelsum:distance_power=0",
    "novelsum:distance_power=2",
    "novelsum:neighbours=1",
    "novelsum:neighbours=100",
    "dist-sum-cosine",
    "dist-sum-l2",
    "knn-distance",
    "radius",
    "log-det",
    "vendi",
    "cluster-inertia",
    "facility-location",
    "partition-entropy",
)
CENTRES = np.asarray([[-0.6, -0.55], [0.6, -0.5], [0.55, 0.6], [-0.5, 0.55], [0.0, 0.0]])
SHARES = np.asarray([0.3, 0.25, 0.2, 0.15, 0.1])
# Half of the radius, so that the plane's square of side 2 covers most of one half of the sphere.
SCALE = 0.5


@dataclass(frozen=True)
class World:
    """A pool of points (n, 2) and its selections by name, rows of PICKS points each."""

    points: np.ndarray
    selections: Mapping[str, np.ndarray]

    @cached_property
    def unit(self) -> np.ndarray:
        """The points on the sphere, (n, 3), float32 as embeddings are kept."""
        flat = SCALE * self.points
        square = (flat**2).sum(axis=1, keepdims=True)
        return (np.hstack([2 * flat, 1 - square]) / (1 + square)).astype(np.float32)

    @cached_property
    def densities(self) -> dict[tuple[int, float], np.ndarray]:
        """Densities that were computed, by neighbours and power."""
        return {}

    @cached_property
    def contrast(self) -> float:
        """NovelSum's density weight of a crowded point (90th percentile) over that of a lonely one (10th)."""
        low, high = np.quantile(self._density(10, 0.5), [0.1, 0.9])
        return float(high / low)

    @cached_property
    def pool(self) -> Pool:
        """Samples without a text worth reading, for metrics that are handed a pool."""
        return pool_from_records([{"id": str(row), "output": "x"} for row in range(len(self.points))])

    def measure(self, metric: Metric, name: str) -> float:
        """An embedding-based metric of one selection."""
        rows = self.selections[name]
        picked = Selection(name, rows, self.pool.id_of(rows), self.pool.fingerprint, len(rows))
        return metric.measure(picked, self.pool, self._features(metric))

    def _features(self, metric: Metric) -> Features:
        track = TrackContext("plane", len(self.points))
        return Features(track, {one.resolve(track): self._feature(one) for one in metric.requires(track)})

    def _feature(self, wanted: Any) -> np.ndarray:
        if isinstance(wanted, Embeddings):
            return self.unit
        if isinstance(wanted, Density):
            return self._density(wanted.neighbours, wanted.power)
        if isinstance(wanted, Clusters):
            return k_means(self.unit, wanted.clusters, wanted.iterations, wanted.seed)[0]
        raise TypeError(f"the plane has no {wanted}")

    def _density(self, neighbours: int, power: float) -> np.ndarray:
        if (neighbours, power) not in self.densities:
            found = knn_density(self.unit, self.unit, neighbours=neighbours, power=power)
            self.densities[neighbours, power] = found
        return self.densities[neighbours, power]


def worlds(settings: Mapping[str, float]) -> list[World]:
    """WORLDS worlds that differ in their seed alone."""
    return [plane_world(seed, **settings) for seed in range(WORLDS)]


def right(metric: Metric, less: str, more: str, of: Sequence[World]) -> int:
    """In how many worlds the metric puts `more` above `less`, by its own direction."""
    sign = 1 if metric.higher_is_diverse else -1
    return sum(sign * (world.measure(metric, more) - world.measure(metric, less)) > 0 for world in of)


def plane_world(seed: int, *, spread: float, background: float, size: int = 2000) -> World:
    """A pool of five clusters of unequal size over an even background, and selections of it.

    `spread` is the deviation of a cluster, `background` the share of the pool outside of any: together they say how
    much denser the clusters are.

    - `duplicated`: a tenth of the picks at random, ten times each.
    - `two clusters` (A): all picks from the two largest clusters, at random.
    - `even` (B): the sample nearest to each cell of a grid over the square: spread out, blind to density.
    - `spread by density` (C): k-means of the pool, the sample nearest to each centre: spread out, closer where the
      pool is dense.
    - `random`: as many from everywhere as the pool has there.
    - `outliers`: the samples that lie farthest from their neighbours.
    """
    rng = np.random.default_rng(seed)
    inside = rng.random(size) >= background
    cluster = np.where(inside, rng.choice(len(SHARES), size=size, p=SHARES), -1)
    points = np.where(
        inside[:, None],
        CENTRES[cluster] + spread * rng.normal(size=(size, 2)),
        rng.uniform(-1, 1, size=(size, 2)),
    )
    order = rng.permutation(size)
    few = order[: PICKS // 10]
    near = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    near.sort(axis=1)
    two = order[np.isin(cluster[order], (0, 1))]
    return World(
        points,
        {
            "duplicated": np.tile(few, 10),
            "two clusters": two[:PICKS],
            "even": _nearest(points, _grid(PICKS)),
            "spread by density": _nearest(points, _centres(points, seed)),
            "random": order[:PICKS],
            "outliers": np.argsort(-near[:, 1:11].mean(axis=1))[:PICKS],
        },
    )


def _grid(count: int) -> np.ndarray:
    """`count` places of the square in rows of alternating offset."""
    side = int(np.ceil(np.sqrt(count)))
    line = (np.arange(side) + 0.5) / side * 2 - 1
    places = np.asarray([(x, y) for y in line for x in line])
    return places[np.linspace(0, len(places) - 1, count).astype(int)]


def _centres(points: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(PICKS, n_init=1, random_state=seed).fit(points).cluster_centers_)


def _nearest(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """For each place the nearest point that no earlier place took."""
    taken: list[int] = []
    for place in places:
        distance = ((points - place) ** 2).sum(axis=1)
        distance[taken] = np.inf
        taken.append(int(distance.argmin()))
    return np.asarray(taken, dtype=np.int64)


def markdown() -> str:
    """The two tables of the document: mean values, and in how many worlds each pair is ordered right."""
    lines: list[str] = []
    for title, settings in (("gentle", GENTLE), ("steep", STEEP)):
        made = worlds(settings)
        names = list(made[0].selections)
        contrasts = [world.contrast for world in made]
        lines += [
            f"### {title}: spread {settings['spread']}, background {settings['background']}, "
            f"contrast {min(contrasts):.1f} to {max(contrasts):.1f}",
            "",
            f"| metric | {' | '.join(names)} | {' | '.join(f'{less} < {more}' for less, more in PAIRS)} |",
            f"| --- |{' ---: |' * (len(names) + len(PAIRS))}",
        ]
        for spec in METRICS:
            metric = metrics.parse(spec)
            means = [np.mean([world.measure(metric, name) for world in made]) for name in names]
            counts = [f"{right(metric, *pair, made)}/{WORLDS}" for pair in PAIRS]
            cells = [f"`{spec}`", *(f"{value:.4g}" for value in means), *counts]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def drawing(world: World, side: int = 200) -> str:
    """An SVG of the selections over their pool, a panel each; every fourth point of the pool is drawn."""

    def dots(points: np.ndarray, x: int, y: int) -> str:
        inside = points[(np.abs(points) < 1.25).all(axis=1)]
        places = np.round((inside / 2.5 + 0.5) * side).astype(int)
        return "".join(f"M{x + px} {y + side - py}h0" for px, py in places)

    parts = []
    for number, (name, rows) in enumerate(world.selections.items()):
        x, y = number % 3 * (side + 20) + 10, number // 3 * (side + 40) + 30
        parts += [
            f'<text x="{x}" y="{y - 8}" font-size="14">{name}</text>',
            f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="none" stroke="#bbb"/>',
            f'<path d="{dots(world.points[::4], x, y)}" stroke="#bbb" stroke-width="2" stroke-linecap="round"/>',
            f'<path d="{dots(world.points[rows], x, y)}" stroke="#0072B2" stroke-width="4" stroke-linecap="round"/>',
        ]
    size = f'viewBox="0 0 {3 * (side + 20)} {2 * (side + 40)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(parts)}</svg>\n'


if __name__ == "__main__":
    import sys
    from pathlib import Path

    Path(sys.argv[1]).write_text(drawing(plane_world(0, **GENTLE)), encoding="utf-8")
    print(markdown())
