"""K-means of embeddings: what metrics, `k-means` and `skewed` cluster by."""

from __future__ import annotations

import warnings

import numpy as np

from suite.errors import FeatureError
from suite.reporting import Progress, no_progress


def k_means(
    rows: np.ndarray, clusters: int, iterations: int, seed: int, progress: Progress = no_progress
) -> tuple[np.ndarray, float]:
    """The cluster of each row of embeddings (n, d), shape (n,), int32, from 0 up; and the inertia.

    One k-means++ start on one thread: the same seed gives the same clusters whatever the number of cores. At most as
    many clusters as rows. scikit-learn does not say how far it is: `progress` hears of the beginning and the end.
    Deterministic on one kind of machine. Raises FeatureError for fewer than 1 cluster or iteration. Source: Lloyd
    (1982); Arthur and Vassilvitskii (2007).
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    if clusters < 1 or iterations < 1:
        raise FeatureError(f"k-means needs at least 1 cluster and 1 iteration, not {clusters} and {iterations}.")
    model = KMeans(n_clusters=min(clusters, len(rows)), n_init=1, max_iter=iterations, random_state=seed)
    progress(0, 1)
    with threadpool_limits(1), warnings.catch_warnings():
        # Rows that are alike leave clusters empty, which is no fault here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    progress(1, 1)
    return np.asarray(model.labels_, dtype=np.int32), float(model.inertia_)
