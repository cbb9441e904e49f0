"""K-means clusters of embeddings: what `k-means` draws evenly over and `skewed` unevenly."""

from __future__ import annotations

import numpy as np

from suite.features import Progress, no_progress


def cluster_labels(
    embeddings: np.ndarray,
    clusters: int,
    rng: np.random.Generator,
    *,
    iterations: int = 100,
    progress: Progress = no_progress,
) -> np.ndarray:
    """The cluster of each row of embeddings (n, d): shape (n,), int64, below min(clusters, n).

    One k-means++ start with a seed from `rng`, on one thread, so that the same seed gives the same clusters whatever
    the number of cores. scikit-learn does not say how far it is: `progress` hears of the beginning and the end.
    """
    from sklearn.cluster import KMeans as LloydKMeans
    from threadpoolctl import threadpool_limits

    model = LloydKMeans(
        n_clusters=min(clusters, len(embeddings)),
        n_init=1,
        max_iter=iterations,
        random_state=int(rng.integers(2**31)),
    )
    progress(0, 1)
    with threadpool_limits(1):
        labels = np.asarray(model.fit_predict(embeddings), dtype=np.int64)
    progress(1, 1)
    return labels
