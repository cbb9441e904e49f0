"""The offline embedder: TF-IDF of a pool's own terms, reduced by a truncated SVD (latent semantic analysis).

Chosen for speed and determinism: 117,000 samples take half a minute on one core and need no download.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from suite.reporting import Progress

TERM = r"(?u)\w+"
POWER_ITERATIONS = 4
OVERSAMPLES = 16
FULL_VOCABULARY_ROWS = 2000
MOST_MIN_DF = 5


def tfidf_svd(texts: Iterable[str], count: int, dimensions: int, progress: Progress) -> np.ndarray:
    """Embed `count` texts: shape (count, d), float32, d at most `dimensions`; rows are not yet of unit length.

    Terms are lower-cased runs of word characters (single digits count), weighted by (1 + log tf) idf; a term must
    occur in count / 2,000 samples (at least 1, at most 5). d is bounded by the samples and the terms there are. A
    text without a known term is a row of zeros. One thread, fixed start of the randomised SVD: deterministic on
    one kind of machine, whatever its number of cores.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    min_df = min(MOST_MIN_DF, max(1, count // FULL_VOCABULARY_ROWS))
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, min_df=min_df, token_pattern=TERM)
    # The words count for as many steps as the texts; the factorisation that follows takes about as long again.
    steps = 2 * count
    try:
        weights = vectorizer.fit_transform(_counted(texts, progress, steps))
    except ValueError:  # scikit-learn's way to say that no text holds a term
        progress(steps, steps)
        return np.zeros((count, 1), dtype=np.float32)
    kept = min(dimensions, *weights.shape)
    with threadpool_limits(1):
        left, singular, _ = randomized_svd(
            weights,
            kept,
            n_oversamples=OVERSAMPLES,
            n_iter=POWER_ITERATIONS,
            power_iteration_normalizer="QR",
            random_state=0,
        )
    progress(steps, steps)
    rows = left * singular
    # Rounding leaves noise where a text has no term at all; such a row must be recognisable.
    rows[np.diff(weights.indptr) == 0] = 0.0
    return np.asarray(rows, dtype=np.float32)


def _counted(texts: Iterable[str], progress: Progress, total: int, every: int = 2048) -> Iterator[str]:
    for done, text in enumerate(texts):
        if done % every == 0:
            progress(done, total)
        yield text
