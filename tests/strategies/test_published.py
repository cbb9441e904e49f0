"""Published selections as strategies: draws from what was kept, and every refusal; the real sets on the real pool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite.boards import installed_facts
from suite.errors import FeatureError, SelectionError, UnknownNameError
from suite.features import TrackContext
from suite.features.store import FeatureStore
from suite.pool import Pool
from suite.pool.published import SETS, PublishedSet, rows_hash
from suite.registry import strategies
from suite.track import Source

Select = Callable[..., np.ndarray]
KEPT = [5, 599, 17, *range(100, 160)]
SPEC = "published:set=of-a-test"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool) -> list[int]:
    """A published set of the small pool, by ids under BREADTH_DATA."""
    content = json.dumps({"kept": {"ids": list(pool.id_of(np.asarray(KEPT)))}}).encode()
    (tmp_path / "ids.json").write_bytes(content)
    ids = Source(local="ids.json", sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    rows = rows_hash(np.asarray(KEPT))
    published = PublishedSet("", "a/b", "0" * 40, "c", "0" * 64, "kept", rows, pool.fingerprint, "a test", ids)
    monkeypatch.setitem(SETS, "of-a-test", published)
    return KEPT


@pytest.mark.parametrize("budget", [1, 7, len(KEPT)])
def test_draws_from_what_was_kept(kept: list[int], select: Select, budget: int) -> None:
    picked = select(SPEC, budget, seed=3)
    assert picked.dtype == np.int64
    assert len(picked) == len(set(picked.tolist())) == budget
    assert set(picked.tolist()) <= set(kept)
    assert np.array_equal(picked, select(SPEC, budget, seed=3))
    assert not np.array_equal(select(SPEC, 60, seed=3), select(SPEC, 60, seed=4))


def test_every_kept_row_is_equally_likely(kept: list[int], select: Select, pool: Pool) -> None:
    counts = np.zeros(len(pool))
    for seed in range(420):
        counts[select(SPEC, 9, seed=seed)] += 1
    # 60 draws a kept row on average, with a standard deviation near 7.
    assert counts[kept].mean() == 60
    assert abs(counts[kept] - 60).max() < 35


def test_a_set_smaller_than_the_budget_says_how_many_it_kept(kept: list[int], select: Select) -> None:
    with pytest.raises(SelectionError, match=r"'of-a-test' kept 63 samples, fewer than the budget of 64"):
        select(SPEC, 64)


def test_another_pool_and_an_unknown_set_are_named(select: Select) -> None:
    with pytest.raises(FeatureError, match=r"'car' was kept from Alpaca 52k \(fingerprint ea7891d8cf4f\)"):
        select("published:set=car", 5)
    with pytest.raises(UnknownNameError, match="Did you mean 'cherry-ifd'"):
        strategies.parse("published:set=cherry")


def test_tables_name_the_set_and_its_kind() -> None:
    assert strategies.parse("published").spec == "published:set=alpagasus-claude"
    assert strategies.parse("published:set=car").spec == "published:set=car"
    assert installed_facts()["published"].kind == "index-only"
    assert installed_facts()["random"].kind == "built-in"


def test_the_real_sets(breadth_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from suite.features.store import compute_features
    from suite.pool.loading import load_pool
    from suite.track import load_track

    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    pool = load_pool(load_track("alpaca-cpu"))
    context, store = TrackContext("alpaca-cpu", len(pool)), FeatureStore(tmp_path)
    sizes = {}
    for name in SETS:
        strategy = strategies.parse(f"published:set={name}")
        (feature,) = strategy.requires(context)
        found = compute_features([feature], pool, context, store).features
        sizes[name] = len(found[feature])
        picked = strategy.select(pool, 500, features=found, rng=np.random.default_rng(1))
        assert len(set(picked.tolist())) == 500
        assert str(sizes[name]) in (type(strategy).__doc__ or "").replace(",", "")
    assert sizes == {
        "alpagasus-claude": 5301,
        "alpagasus-helpfulness": 2021,
        "alpagasus-random": 9225,
        "cherry-ifd": 3111,
        "car": 1013,
    }
    assert "9,225 rows" in SETS["alpagasus-random"].title
