"""A map of the pool in two dimensions: where its samples lie, and where the picks of two strategies lie among them.

The pool is kept as a binned density, never as points: a map of a hundred thousand samples is as small as one of a
thousand. The axes are the first two principal components of the track's embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.studies.kept import KeptPart

BINS = 90
"""Cells along the longer side of the pool."""
BLOCK = 16_384
DIGITS = 4


class MapGroup(KeptPart):
    """Picks of one kind (of the first strategy alone, of the second alone, of both) at their places."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.x)


class PoolDensity(KeptPart):
    """How many samples of the pool lie in each cell of a grid: `counts[row][column]`, rows along y.

    `explained` is the share of the embeddings' variance along each axis.
    """

    embedder: str
    explained: tuple[float, float]
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


class PickMap(KeptPart):
    """The picks of two strategies (one draw each) on the map of the pool."""

    first: str
    second: str
    first_level: str
    second_level: str
    only_first: MapGroup
    only_second: MapGroup
    both: MapGroup


@dataclass(frozen=True)
class Plane:
    """Places of all samples: `points` (n, 2), float64, and the share of the variance along each axis."""

    points: np.ndarray
    explained: tuple[float, float]


def principal_plane(embeddings: np.ndarray) -> Plane:
    """The plane of the first two principal components of embeddings (n, d), n and d at least 2; deterministic.

    Each axis points to where its largest loading is positive. Read in blocks: memory stays at d x d and n x 2.
    """
    from threadpoolctl import threadpool_limits

    rows, width = embeddings.shape
    if rows < 2 or width < 2:
        raise ValueError(f"a map needs at least 2 samples in 2 dimensions, not {rows} in {width}")
    blocks = [slice(start, start + BLOCK) for start in range(0, rows, BLOCK)]
    with threadpool_limits(1):
        mean = sum(_block(embeddings, block).sum(axis=0) for block in blocks) / rows
        scatter = np.zeros((width, width))
        for block in blocks:
            centred = _block(embeddings, block) - mean
            scatter += centred.T @ centred
        values, vectors = np.linalg.eigh(scatter)
        axes = vectors[:, [-1, -2]]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
        points = np.concatenate([(_block(embeddings, block) - mean) @ axes for block in blocks])
    total = float(values.clip(0).sum())
    first, second = (float(max(value, 0.0) / total) if total > 0 else 0.0 for value in values[[-1, -2]])
    return Plane(points, (first, second))


def _block(embeddings: np.ndarray, block: slice) -> np.ndarray:
    return np.asarray(embeddings[block], dtype=np.float64)


def density(plane: Plane, embedder: str, bins: int = BINS) -> PoolDensity:
    """The pool as counts over a grid of square cells that holds every sample, `bins` along its longer side."""
    low, high = plane.points.min(axis=0), plane.points.max(axis=0)
    side = float((high - low).max()) / bins or 1.0
    cells = np.maximum(np.ceil((high - low) / side - 1e-9), 1).astype(int)
    # Centred, so that no sample lies beyond an edge by a rounding error.
    starts = (low + high - cells * side) / 2
    x_edges, y_edges = (start + side * np.arange(count + 1) for start, count in zip(starts, cells, strict=True))
    x, y = (
        np.clip(values, edges[0], edges[-1]) for values, edges in zip(plane.points.T, (x_edges, y_edges), strict=True)
    )
    counts, _, _ = np.histogram2d(x, y, bins=(x_edges, y_edges))
    return PoolDensity(
        embedder=embedder,
        explained=plane.explained,
        x_edges=_short(x_edges),
        y_edges=_short(y_edges),
        counts=tuple(tuple(row) for row in counts.T.astype(int).tolist()),
    )


def pick_map(plane: Plane, first: tuple[str, str, np.ndarray], second: tuple[str, str, np.ndarray]) -> PickMap:
    """Where the picks of two strategies lie; each is given as (spec, level, row positions)."""
    one, other = np.unique(first[2]), np.unique(second[2])
    return PickMap(
        first=first[0],
        second=second[0],
        first_level=first[1],
        second_level=second[1],
        only_first=_group(plane, np.setdiff1d(one, other)),
        only_second=_group(plane, np.setdiff1d(other, one)),
        both=_group(plane, np.intersect1d(one, other)),
    )


def _group(plane: Plane, rows: np.ndarray) -> MapGroup:
    x, y = plane.points[rows].T
    return MapGroup(x=_short(x), y=_short(y))


def _short(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """A file that is drawn from needs no more digits than a screen shows."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
