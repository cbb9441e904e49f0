"""What each baseline promises beyond an exact budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.errors import FeatureError, ParameterError
from suite.features import Embeddings, Tokens, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.microworld import world
from suite.pool import Pool
from suite.registry import strategies

Select = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def lengths(pool: Pool, track: TrackContext, store: FeatureStore) -> np.ndarray:
    wanted = Tokens(view="response")
    return np.asarray(compute_features([wanted], pool, track, store).features[wanted].lengths)


def test_random_is_even_over_rows(select: Select, pool: Pool) -> None:
    counts = np.zeros(len(pool))
    for seed in range(400):
        counts[select("random", 60, seed=seed)] += 1
    # Each row is drawn 40 times on average, with a standard deviation of 6.
    assert counts.mean() == 40
    assert abs(counts.std() - 6) < 1
    assert counts.min() > 10


def test_longest(select: Select, lengths: np.ndarray) -> None:
    picked = select("longest", 80)
    expected = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))[:80]
    assert picked.tolist() == expected


@pytest.mark.parametrize("budget", [1, 9, 10, 11, 25, 100, 119])
@pytest.mark.parametrize("times", [1, 3, 10])
def test_duplicate_counts(select: Select, budget: int, times: int) -> None:
    counts = Counter(select(f"duplicate:times={times}", budget).tolist())
    whole, rest = divmod(budget, times)
    assert sorted(counts.values()) == sorted([times] * whole + ([rest] if rest else []))


def test_full_is_the_pool_in_order(select: Select, pool: Pool) -> None:
    assert select("full", 10).tolist() == list(range(len(pool)))


def test_k_means_draws_evenly_and_from_everywhere(select: Select) -> None:
    picked = select("k-means:clusters=30", 30)
    assert len(set(picked.tolist())) == 30
    assert not np.array_equal(np.sort(picked), np.sort(select("k-means:clusters=30", 30, seed=1)))


def test_k_center_covers_better_than_random(
    select: Select, pool: Pool, track: TrackContext, store: FeatureStore
) -> None:
    rows = compute_features([Embeddings()], pool, track, store).features[Embeddings()]
    radius = {name: (1 - rows @ rows[select(name, 100)].T).min(axis=1).max() for name in ("k-center", "random")}
    assert radius["k-center"] < radius["random"]


def test_farthest_takes_the_outermost(select: Select, pool: Pool, track: TrackContext, store: FeatureStore) -> None:
    rows = compute_features([Embeddings()], pool, track, store).features[Embeddings()]
    mean = {name: (1 - rows[select(name, 60)] @ rows[select(name, 60)].T).mean() for name in ("farthest", "random")}
    assert mean["farthest"] > mean["random"]


def test_repr_filter_keeps_under_its_threshold(
    select: Select, pool: Pool, track: TrackContext, store: FeatureStore
) -> None:
    rows = compute_features([Embeddings()], pool, track, store).features[Embeddings()].astype(np.float64)
    picked = select("repr-filter:threshold=0.6", 30)
    similar = rows[picked] @ rows[picked].T - np.eye(30)
    assert similar.max() < 0.6


def test_repr_filter_fills_the_budget_and_says_so(select: Select) -> None:
    with pytest.warns(UserWarning, match=r"only \d+ of 600 samples stay under a cosine of 0\.1 .* fill the budget"):
        picked = select("repr-filter:threshold=0.1", 300)
    assert len(set(picked.tolist())) == 300


def test_repr_filter_walks_from_the_best(select: Select, lengths: np.ndarray) -> None:
    best = lengths[select("repr-filter:quality=length", 40)]
    assert best[0] == lengths.max()
    assert (np.diff(best) <= 0).all()


def test_facility_location_of_neighbours_is_named_approximate(select: Select) -> None:
    with pytest.warns(UserWarning, match="approximate: a sample counts for itself and its 5 nearest"):
        sparse = select("facility-location:neighbours=5", 60)
    assert not np.array_equal(sparse, select("facility-location", 60))
    with pytest.raises(ParameterError, match="neighbours must be 0"):
        strategies.parse("facility-location:neighbours=-1")


def test_facility_location_weighs_scores(select: Select, pool: Pool, tmp_path: Path) -> None:
    wanted = np.arange(0, len(pool), 7)
    table = {
        "id": list(pool.id_of(np.arange(len(pool)))),
        "reward": np.isin(np.arange(len(pool)), wanted).astype(float),
    }
    pq.write_table(pa.table(table), tmp_path / "scores.parquet")
    picked = select(f"facility-location:quality={tmp_path}/scores.parquet,quality_column=reward", 50)
    assert set(picked.tolist()) <= set(wanted.tolist())


def test_facility_location_represents_better_than_random(
    select: Select, pool: Pool, track: TrackContext, store: FeatureStore
) -> None:
    rows = compute_features([Embeddings()], pool, track, store).features[Embeddings()]
    names = ("facility-location", "random", "k-center")
    value = {name: (rows @ rows[select(name, 60)].T).max(axis=1).sum() for name in names}
    assert value["facility-location"] > value["random"]
    assert value["facility-location"] > value["k-center"]


def test_facility_location_with_length_picks_longer(select: Select, lengths: np.ndarray) -> None:
    plain, longer, longest = (
        lengths[select(f"facility-location{spec}", 60)].mean()
        for spec in ("", ":quality=length", ":quality=length,quality_weight=20")
    )
    assert plain < longer < longest
    unweighted = select("facility-location:quality=length,quality_weight=0", 60)
    assert np.array_equal(unweighted, select("facility-location", 60))


def test_the_oracle_is_even_over_the_hidden_families(select: Select, pool: Pool) -> None:
    families = world(5).hidden_families(len(pool))
    picked = np.bincount(families[select("oracle", 100)], minlength=families.max() + 1)
    there = np.bincount(families, minlength=families.max() + 1)
    full = picked[picked < there]
    assert full.max() - full.min() <= 1
    assert picked[picked == there].max(initial=0) <= full.max()


def test_the_oracles_feature_is_closed_to_others(pool: Pool, track: TrackContext, tmp_path: Path) -> None:
    oracle = strategies.parse("oracle")
    with pytest.raises(FeatureError, match="only reference strategies"):
        compute_features(oracle.requires(track), pool, track, FeatureStore(tmp_path), reference=False)


@pytest.mark.parametrize("like", ["longest", "facility-location"])
def test_random_length_matched_has_the_lengths_and_not_the_rows(select: Select, lengths: np.ndarray, like: str) -> None:
    matched = select(f"random-length-matched:like={like}", 100)
    target = select(like, 100)
    # Between two edges lengths are free, so a twentieth of the picks may be off by a bin's width.
    quantiles = np.linspace(0.05, 0.95, 10)
    difference = np.quantile(lengths[matched], quantiles) - np.quantile(lengths[target], quantiles)
    assert np.abs(difference).max() <= 1
    if like != "longest":
        assert len(set(matched.tolist()) & set(target.tolist())) < 60


def test_random_length_matched_matches_micro_response_unless_told(select: Select, lengths: np.ndarray) -> None:
    def mean(spec: str) -> float:
        return float(np.mean([lengths[select(spec, 60, seed=seed)].mean() for seed in range(20)]))

    matched, target = mean("random-length-matched"), mean("micro-response")
    short = mean("random-length-matched:like=k-means")
    assert abs(matched - target) < 0.1 * target
    assert abs(short - mean("k-means")) < 0.1 * short
    assert abs(target - short) > 0.3 * short


@pytest.mark.parametrize("like", ["random-length-matched", "full", "duplicate"])
def test_what_cannot_be_matched(select: Select, like: str) -> None:
    with pytest.raises(ParameterError, match="cannot match"):
        select(f"random-length-matched:like={like}", 10)
