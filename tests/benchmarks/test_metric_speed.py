"""Metrics against their published or literal forms: in CPU time, in turns, in one process, on one thread.

Run by `make bench`. vendi-score is a dependency of this file alone.
"""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np
import pytest
from alternating import STEEPEST, clustered, compare, peak_bytes, seconds_in_turns
from growth import Growth, growth_exponent
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


def test_growth_of_novelsum(benchmark: BenchmarkFixture, growth: Growth) -> None:
    """It grows with the square of the picks, and the logarithm that sorting each one's distances takes."""
    points = clustered(6_000, 256)
    sizes = [2_000, 3_000, 4_000, 6_000]

    def measure(size: int) -> float:
        return mean_novelty(points[:size], np.ones(size), distance_power=1.0, count_self=True)

    seconds = seconds_in_turns([partial(measure, size) for size in sizes])
    benchmark.pedantic(lambda: measure(sizes[0]), rounds=1)
    exponent = growth.record("picks", sizes, seconds)
    assert exponent <= STEEPEST * growth_exponent(sizes, [size**2 * math.log(size) for size in sizes])


def test_novelsum_keeps_no_square_matrix(benchmark: BenchmarkFixture) -> None:
    """10,000 picks: the matrix of their distances would be 800 MB."""
    program = (
        "import numpy as np\n"
        "from suite.diversity.novelty import mean_novelty\n"
        "points = np.random.default_rng(0).normal(size=({size}, 64)).astype('f4')\n"
        "mean_novelty(points, np.ones({size}), distance_power=1.0, count_self=True)\n"
    )
    small = peak_bytes(program.format(size=10))
    large = benchmark.pedantic(peak_bytes, args=(program.format(size=10_000),), rounds=1)
    benchmark.extra_info["peak_megabytes"] = round((large - small) / 1e6)
    print(f"\n{benchmark.name}: {(large - small) / 1e6:.0f} MB")
    assert large - small < 150e6


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
