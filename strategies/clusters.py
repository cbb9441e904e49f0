"""K-means clusters of embeddings: what `k-means` draws evenly over and `skewed` unevenly."""

from __future__ import annotations

import numpy as np

from suite.features import Progress, no_progress
from suite.features.k_means import k_means


def cluster_labels(
    embeddings: np.ndarray,
    clusters: int,
    rng: np.random.Generator,
    *,
    iterations: int = 100,
    progress: Progress = no_progress,
) -> np.ndarray:
    """The cluster of each row of embeddings (n, d): shape (n,), int64, below min(clusters, n).

    `k_means` with a seed from `rng`: the same seed gives the same clusters whatever the number of cores.
    """
    labels, _ = k_means(embeddings, clusters, iterations, int(rng.integers(2**31)), progress)
    return labels.astype(np.int64)
