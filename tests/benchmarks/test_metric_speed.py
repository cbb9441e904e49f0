"""Metrics against their published or literal forms: in CPU time, in turns, in one process, on one thread.

Run by `make bench`. vendi-score is a dependency of this file alone.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from alternating import clustered, compare
from pytest_benchmark.fixture import BenchmarkFixture

from suite.diversity.novelty import mean_novelty
from suite.diversity.overlap import bleu_against_the_rest
from suite.diversity.volume import effective_number

pytestmark = pytest.mark.benchmark(timer=time.process_time)


def published_novelsum(embeddings: np.ndarray, density: np.ndarray, block: int = 250) -> float:
    """The steps of the public code in float64: cosines by broadcasting, block by block, then one row at a time."""
    import torch

    rows = torch.tensor(embeddings, dtype=torch.float64)
    distances = torch.empty((len(rows), len(rows)), dtype=torch.float64)
    for start in range(0, len(rows), block):
        for left in range(0, len(rows), block):
            one, other = slice(start, start + block), slice(left, left + block)
            distances[one, other] = 1.0 - torch.cosine_similarity(rows[one, None], rows[None, other], dim=2)

    def average(row: np.ndarray) -> float:
        return float(np.average(np.sort(row), weights=1.0 / np.arange(1, len(row) + 1)))

    return float(np.apply_along_axis(average, 1, distances.numpy() * density[:, None]).mean())


def test_novelsum_against_the_published_form(benchmark: BenchmarkFixture) -> None:
    points = clustered(2_000, 384)
    density = np.random.default_rng(0).uniform(1, 30, len(points))
    ours, literal = compare(
        benchmark,
        lambda: mean_novelty(points, density, distance_power=1.0, count_self=True),
        lambda: published_novelsum(points, density),
        floor=200,
        rounds=1,
        peer="the published form in float64",
    )
    assert ours == pytest.approx(literal, rel=1e-6)


def test_vendi_against_vendi_score(benchmark: BenchmarkFixture) -> None:
    """The package's n x n form; its own dual form is as fast as ours, and no claim is made there."""
    from vendi_score import vendi

    points = clustered(3_000, 384).astype(np.float64)

    found, peer = compare(
        benchmark,
        lambda: effective_number(points),
        lambda: vendi.score_X(points),
        floor=30,
        rounds=1,
        peer="vendi-score, n x n eigenvalues",
    )
    assert found == pytest.approx(float(peer), rel=1e-9)
    assert found == pytest.approx(float(vendi.score_dual(points)), rel=1e-9)


def test_self_bleu_against_nltk(benchmark: BenchmarkFixture) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 60, size=60)
    ids = rng.zipf(1.4, size=lengths.sum()) % 3_000
    texts = [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]
    smoothing = SmoothingFunction().method1

    def peer() -> float:
        scores = [
            sentence_bleu(texts[:place] + texts[place + 1 :], text, smoothing_function=smoothing)
            for place, text in enumerate(texts)
        ]
        return float(np.mean(scores))

    ours, theirs = compare(
        benchmark,
        lambda: float(bleu_against_the_rest(ids, lengths, 4).mean()),
        peer,
        floor=20,
        peer="nltk's sentence_bleu, 60 texts",
    )
    assert ours == pytest.approx(theirs, rel=1e-9)
