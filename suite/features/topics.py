"""Topics: the one cluster of every sample's text, found by HDBSCAN in reduced embeddings (M2M, macro level)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from suite.errors import FeatureError
from suite.extras import hint
from suite.features.base import Feature, Features, TrackContext
from suite.features.embeddings import Embeddings
from suite.features.unit_length import directions
from suite.hashing import library_versions
from suite.pool.pool import View
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool

Reduction = Literal["pca", "umap"]

# 50 samples at 117,000, in proportion for other pools; a small pool's topics still have a handful of samples.
SHARE_OF_POOL = 50 / 117_000
LEAST_CLUSTER_SIZE = 5
NOISE = -1


@dataclass(frozen=True)
class Topics(Feature):
    """The topic of each sample: shape (n,), int64, numbered from the largest (0) down; -1 is noise, no topic.

    Embeddings of `view` are reduced to `components` dimensions, scaled to unit rows (so that distances stay angles)
    and clustered by HDBSCAN; a topic has at least `min_cluster_size` samples (None: 50 for each 117,000 of the pool,
    at least 5). `reduction` is `pca`, deterministic, or `umap` (`pip install 'breadth[umap]'`; one thread and a fixed
    seed, deterministic on one kind of machine).

    A sample's core distance, which says how sparse its surroundings are, is that to the `min_samples`-th nearest
    sample, *itself counted as the first* (scikit-learn's count). So the default, 1, makes every core distance 0: no
    smoothing by density, but single linkage whose clusters have at least `min_cluster_size` samples, and two clusters
    that a chain of samples joins are one. With 2 it is the distance to the nearest other sample, with k + 1 that to
    the k-th neighbour.

    M2M names embedding, reduction and clustering, not their settings; ours are to leave fewer samples without a topic.
    Of 30,000 open samples (TF-IDF) HDBSCAN's own min_samples, the cluster size, makes noise of 65 % by their
    instructions and 77 % by their responses, min_samples 1 of 56 and 62 %. All 117,000 have 133 and 128 topics, with
    62 and 70 % noise, in two and a half minutes of one core each; time grows with the square of the pool.
    """

    view: View = "response"
    embedder: str | None = None
    dimensions: int | None = None
    reduction: Reduction = "pca"
    components: int = 10
    min_cluster_size: int | None = None
    min_samples: int = 1

    kind: ClassVar[str] = "topics"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scikit-learn", "scipy")

    def __post_init__(self) -> None:
        if self.components < 1 or self.min_samples < 1:
            raise FeatureError("Topics need at least 1 component and at least 1 for min_samples.")
        if self.min_cluster_size is not None and self.min_cluster_size < 2:
            raise FeatureError(f"A topic needs a min_cluster_size of at least 2, not {self.min_cluster_size}.")

    def resolve(self, track: TrackContext) -> Topics:
        """The track's embedder filled in, and the cluster size of a pool of its size."""
        size = self.min_cluster_size or max(LEAST_CLUSTER_SIZE, round(SHARE_OF_POOL * track.pool_size))
        embeddings = Embeddings(self.view, self.embedder, self.dimensions).resolve(track)
        return replace(self, embedder=embeddings.embedder, dimensions=embeddings.dimensions, min_cluster_size=size)

    def requires(self) -> tuple[Feature, ...]:
        """The embeddings that are clustered."""
        return (self._embeddings,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key; the embeddings are part of it by their own key."""
        return {
            "reduction": self.reduction,
            "components": self.components,
            "min_cluster_size": self.min_cluster_size,
            "min_samples": self.min_samples,
        }

    def identity(self) -> dict[str, Any]:
        """The version of UMAP where it reduces."""
        return {"libraries": library_versions(("numba", "umap-learn"))} if self.reduction == "umap" else {}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Reduce and cluster. Raises FeatureError where UMAP is wanted and not installed.

        scikit-learn and UMAP do not say how far they are: `progress` hears of the beginning, the reduction and the end.
        """
        embeddings = np.asarray(features[self._embeddings])
        progress(0, 2)
        if self.reduction == "umap":
            reduced = umap_reduction(embeddings, self.components)
        else:
            reduced = pca_reduction(embeddings, self.components)
        progress(1, 2)
        size = self.min_cluster_size or LEAST_CLUSTER_SIZE
        topics = density_clusters(reduced, min_cluster_size=size, min_samples=self.min_samples)
        progress(2, 2)
        return {"topics": topics}

    @property
    def _embeddings(self) -> Embeddings:
        return Embeddings(self.view, self.embedder, self.dimensions)


def pca_reduction(embeddings: np.ndarray, components: int) -> np.ndarray:
    """Principal components of embeddings (n, d) as unit rows: (n, min(components, n, d)), float64; deterministic."""
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    kept = min(components, *embeddings.shape)
    if len(embeddings) < 2:
        return np.zeros((len(embeddings), kept))
    # Points that are all equal have no variance to explain; scikit-learn divides by it all the same.
    with threadpool_limits(1), np.errstate(invalid="ignore"):
        reduced = PCA(kept, svd_solver="covariance_eigh").fit_transform(np.asarray(embeddings, dtype=np.float64))
    return directions(reduced)


def umap_reduction(embeddings: np.ndarray, components: int) -> np.ndarray:
    """UMAP of embeddings (n, d) by cosine distance, with seed 0 on one thread: (n, components), float64."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise FeatureError(f"reduction=umap needs umap-learn: {hint('umap')}, or leave reduction=pca.") from error
    if len(embeddings) < components + 2:
        raise FeatureError(f"UMAP cannot reduce {len(embeddings)} samples to {components} components; use pca.")
    neighbours = min(15, len(embeddings) - 1)
    reducer = UMAP(
        n_components=components, n_neighbors=neighbours, min_dist=0.0, metric="cosine", random_state=0, n_jobs=1
    )
    return np.asarray(reducer.fit_transform(embeddings), dtype=np.float64)


def density_clusters(points: np.ndarray, *, min_cluster_size: int, min_samples: int) -> np.ndarray:
    """HDBSCAN of points (n, d), excess of mass: (n,), int64, clusters numbered from the largest down, noise -1.

    Of equally large clusters the one with the lower first row comes first. A set of fewer than `min_cluster_size`
    points is all noise. `min_samples` counts the point itself: 1 is single linkage (see `Topics`). Deterministic.
    """
    from sklearn.cluster import HDBSCAN
    from threadpoolctl import threadpool_limits

    if len(points) < max(min_cluster_size, min_samples):
        return np.full(len(points), NOISE, dtype=np.int64)
    model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, algorithm="kd_tree", copy=True)
    with threadpool_limits(1):
        labels = model.fit_predict(points)
    return _from_largest(np.asarray(labels, dtype=np.int64))


def _from_largest(labels: np.ndarray) -> np.ndarray:
    named, first, counts = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    number = np.full(int(named.max(initial=-1)) + 2, NOISE, dtype=np.int64)
    number[named[np.lexsort((first, -counts))]] = np.arange(len(named))
    return number[labels]
