"""Metrics against independent libraries, and against their formulas written out."""

from __future__ import annotations

import gzip
import random

import numpy as np
import oracles
import pytest
import scipy.spatial.distance as spatial
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicalrichness import LexicalRichness
from measured import Bench
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.util import ngrams
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from suite.diversity.lexical import expected_types
from suite.diversity.overlap import bleu_against_the_rest
from suite.features import Embeddings, TokenLists, Tokens

# Fewer picks than dimensions and more, with repeats, empty texts and equal ones.
FEW = [3, 40, 7, 3, 90, 12]
MANY = [*range(0, 118, 3), 20, 21, 22, 50, 51, 3, 3]
SELECTIONS = pytest.mark.parametrize("rows", [FEW, MANY], ids=["few", "many"])


def embeddings(bench: Bench, rows: list[int], view: str = "both") -> np.ndarray:
    found = bench.feature(Embeddings(view=view))  # type: ignore[arg-type]
    assert isinstance(found, np.ndarray)
    picked = found[rows].astype(np.float64)
    return picked / np.linalg.norm(picked, axis=1, keepdims=True)


def tokens(bench: Bench, rows: list[int], view: str = "response") -> list[list[int]]:
    found = bench.feature(Tokens(view=view))  # type: ignore[arg-type]
    assert isinstance(found, TokenLists)
    return [found[row].tolist() for row in rows]


@SELECTIONS
@pytest.mark.parametrize("view", ["both", "instruction"])
def test_mean_distances(bench: Bench, rows: list[int], view: str) -> None:
    points = embeddings(bench, rows, view)
    cosine = spatial.pdist(points, "cosine").mean()
    assert bench.measure(f"dist-sum-cosine:view={view}", rows) == pytest.approx(cosine, rel=1e-9)
    assert bench.measure(f"embedding-distance:view={view}", rows) == pytest.approx(cosine, rel=1e-9)
    euclidean = spatial.pdist(points).mean()
    assert bench.measure(f"dist-sum-l2:view={view}", rows) == pytest.approx(euclidean, rel=1e-9)


@SELECTIONS
@pytest.mark.parametrize("neighbours", [1, 3])
def test_distance_to_the_nearest(bench: Bench, rows: list[int], neighbours: int) -> None:
    points = embeddings(bench, rows)
    near = NearestNeighbors(n_neighbors=neighbours, metric="cosine").fit(points)
    distances, _ = near.kneighbors()  # without arguments: each point's own place is left out
    found = bench.measure(f"knn-distance:neighbours={neighbours}", rows)
    assert found == pytest.approx(distances.mean(), rel=1e-9)
    everything = bench.measure(f"knn-distance:neighbours={len(rows) - 1}", rows)
    assert everything == pytest.approx(bench.measure("dist-sum-cosine", rows), rel=1e-9)
    assert bench.measure("knn-distance:neighbours=999", rows) == pytest.approx(everything, rel=1e-12)


@SELECTIONS
def test_volume(bench: Bench, rows: list[int]) -> None:
    points = embeddings(bench, rows)
    kernel = points @ points.T
    assert bench.measure("radius", rows) == pytest.approx(scipy.stats.gmean(points.std(axis=0)), rel=1e-9)
    for added in (1.0, 0.01):
        sign, expected = np.linalg.slogdet(kernel + added * np.eye(len(rows)))
        assert sign == 1
        assert bench.measure(f"log-det:regularisation={added}", rows) == pytest.approx(expected, rel=1e-9)
    eigenvalues = np.clip(scipy.linalg.eigvalsh(kernel / len(rows)), 0, None)
    expected = np.exp(scipy.stats.entropy(eigenvalues))
    assert bench.measure("vendi", rows) == pytest.approx(expected, rel=1e-9)


def test_radius_leaves_out_what_never_varies(bench: Bench) -> None:
    """A pool with empty texts has a dimension that marks them; picks without one are all 0 there."""
    rows = [row for row in MANY if row not in (7, 50, 51)]
    points = embeddings(bench, rows, "response")
    deviations = points.std(axis=0)
    assert (deviations == 0).sum() == 1
    expected = scipy.stats.gmean(deviations[deviations > 0])
    assert bench.measure("radius:view=response", rows) == pytest.approx(expected, rel=1e-9)


@SELECTIONS
def test_clusters(bench: Bench, rows: list[int]) -> None:
    pool = np.asarray(bench.feature(Embeddings()))
    labels = KMeans(9, n_init=1, random_state=5, max_iter=100).fit_predict(pool)
    shares = np.unique(labels[rows], return_counts=True)[1] / len(rows)
    found = bench.measure("partition-entropy:clusters=9,seed=5", rows)
    assert found == pytest.approx(scipy.stats.entropy(shares, base=2), rel=1e-9)
    points = embeddings(bench, sorted(rows))
    inertia = KMeans(4, n_init=1, random_state=5, max_iter=100).fit(points).inertia_
    assert bench.measure("cluster-inertia:clusters=4,seed=5", rows) == pytest.approx(inertia, rel=1e-9)


@SELECTIONS
def test_facility_location(bench: Bench, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    pool = embeddings(bench, list(range(len(bench.pool))))
    nearest = spatial.cdist(pool, embeddings(bench, rows), "cosine").min(axis=1)
    nearest[rows] = 0.0
    expected = pytest.approx(nearest.sum(), rel=1e-6)
    assert bench.measure("facility-location", rows) == expected
    monkeypatch.setattr("suite.diversity.distribution.BLOCK_BYTES", 4 * 7 * len(rows))
    assert bench.measure("facility-location", rows) == expected
    assert bench.measure("facility-location", list(range(120))) == 0.0


@SELECTIONS
@pytest.mark.parametrize(
    "changed", [{}, {"neighbours": 3, "density_power": 2.0, "distance_power": 0.5}, {"density_power": 0.0}]
)
def test_novelsum_of_the_pool(bench: Bench, rows: list[int], changed: dict[str, float]) -> None:
    pool = np.asarray(bench.feature(Embeddings()))
    chosen = {"neighbours": 10, "density_power": 0.5, "distance_power": 1.0, **changed}
    density = oracles.knn_density(pool[rows], pool, int(chosen["neighbours"]), chosen["density_power"])
    for count_self in (True, False):
        spec = ",".join(f"{key}={value}" for key, value in {**changed, "count_self": count_self}.items())
        expected = float(oracles.novelsum(pool[rows], density, chosen["distance_power"], count_self=count_self))
        assert bench.measure(f"novelsum:{spec}", rows) == pytest.approx(expected, rel=1e-6)


@SELECTIONS
@pytest.mark.parametrize("view", ["response", "both"])
def test_words(bench: Bench, rows: list[int], view: str) -> None:
    texts = tokens(bench, rows, view)
    every = [token for text in texts for token in text]
    counts = np.unique(every, return_counts=True)[1]
    assert bench.measure(f"mean-length:view={view}", rows) == pytest.approx(len(every) / len(rows))
    assert bench.measure(f"ttr:view={view}", rows) == pytest.approx(len(set(every)) / len(every))
    entropy = scipy.stats.entropy(counts, base=2)
    assert bench.measure(f"token-entropy:view={view}", rows) == pytest.approx(entropy, rel=1e-9)
    ratios = []
    for n in (1, 2, 3, 4):
        grams = [gram for text in texts for gram in ngrams(text, n)]
        ratios.append(len(set(grams)) / len(grams))
    assert bench.measure(f"ngram-ratio:view={view}", rows) == pytest.approx(np.mean(ratios), rel=1e-12)
    raw = "\n".join(bench.pool.texts(view, sorted(rows))).encode()  # type: ignore[arg-type]
    packed = gzip.compress(raw, mtime=0)
    assert bench.measure(f"compression-ratio:view={view}", rows) == pytest.approx(len(raw) / len(packed), rel=1e-12)


def test_vocd_against_lexicalrichness(bench: Bench) -> None:
    """The library draws at random: three times a hundred draws a length leave about 1 % of noise."""
    words = [f"w{token}" for text in tokens(bench, MANY) for token in text]
    peer = LexicalRichness(words, preprocessor=None, tokenizer=None)
    drawn = np.mean([peer.vocd(within_sample=300, iterations=2, seed=seed) for seed in range(3)])
    assert bench.measure("vocd-d", MANY) == pytest.approx(drawn, rel=0.02)


def test_expected_types_are_the_mean_of_many_draws() -> None:
    counts = np.asarray([9, 5, 3, 3, 1, 1, 1, 30, 2, 12])
    words = np.repeat(np.arange(len(counts)), counts).tolist()
    drawing = random.Random(0)
    found = expected_types(counts, 60)
    for size in (1, 7, 50):
        mean = np.mean([len(set(drawing.sample(words, size))) for _ in range(4000)])
        assert found[size - 1] == pytest.approx(mean, rel=0.02)
    assert found[59] <= len(counts)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.integers(0, 4), max_size=9), min_size=2, max_size=8),
    longest=st.integers(1, 5),
)
def test_bleu_against_nltk(texts: list[list[int]], longest: int) -> None:
    ids = np.asarray([token for text in texts for token in text], dtype=np.int64)
    lengths = np.asarray([len(text) for text in texts])
    expected = [
        sentence_bleu(
            texts[:place] + texts[place + 1 :],
            text,
            weights=[1 / longest] * longest,
            smoothing_function=SmoothingFunction().method1,
        )
        for place, text in enumerate(texts)
    ]
    assert bleu_against_the_rest(ids, lengths, longest) == pytest.approx(np.asarray(expected, dtype=float), rel=1e-9)


def test_self_bleu_draws_by_its_seed(bench: Bench) -> None:
    texts = [text for text in tokens(bench, sorted(MANY)) if text]
    smoothing = SmoothingFunction().method1
    rows = [row for row in MANY if row not in (7, 50, 51)]
    scores = [
        sentence_bleu(texts[:place] + texts[place + 1 :], text, smoothing_function=smoothing)
        for place, text in enumerate(texts)
    ]
    assert bench.measure("self-bleu", rows) == pytest.approx(np.mean(scores), rel=1e-9)
    some = {bench.measure(f"self-bleu:samples=10,seed={seed}", rows) for seed in (1, 1, 2)}
    assert len(some) == 2
