"""The overlap study: the matrix against sets, its draws, what it leaves out, and its refusals."""

from __future__ import annotations

import dataclasses
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tiny_track import experiment

from suite.errors import UnknownNameError, UsageError
from suite.registry import Strategy, strategies
from suite.runner.experiment import Experiment
from suite.runner.selecting import reads_base_model
from suite.statistics.set_overlap import expected_jaccard
from suite.studies.kept import keep, read_kept
from suite.studies.overlap import Family, OverlapOutcome, OverlapStudy, compare

SPECS = ("random", "k-center", "k-means:clusters=4", "duplicate:times=2", "full")
MODEL = "tiny-llama"


def parsed(*specs: str) -> list[Strategy]:
    return [strategies.parse(spec) for spec in specs]


@pytest.fixture
def tiny() -> Experiment:
    return experiment()


@pytest.fixture
def outcome(tiny: Experiment) -> OverlapOutcome:
    return OverlapStudy(tiny, MODEL).run(parsed(*SPECS), [8, 15])


def test_every_pair_is_the_mean_over_all_pairs_of_draws(tiny: Experiment, outcome: OverlapOutcome) -> None:
    selector = tiny.selector_for(MODEL, parsed(*SPECS))
    seeds = {"random": (0, 1), "k-center": (0, 1), "k-means:clusters=4": (0, 1), "duplicate:times=2": (0, 1)}
    for table in outcome.tables:
        assert [one.spec for one in table.strategies] == list(SPECS[:-1])
        picked = {
            spec: [
                set(selector.pick(strategies.parse(spec), table.budget, seed).selection.rows) for seed in seeds[spec]
            ]
            for spec in SPECS[:-1]
        }
        assert len(table.pairs) == 6
        for pair in table.pairs:
            both = list(product(picked[pair.first], picked[pair.second]))
            assert pair.shared == pytest.approx(np.mean([len(a & b) for a, b in both]))
            assert pair.jaccard == pytest.approx(np.mean([len(a & b) / len(a | b) for a, b in both]))
            assert pair.expected == pytest.approx(np.mean([len(a) * len(b) / 60 for a, b in both]))
            assert pair.p_holm is not None
            assert pair.p is not None
            assert pair.p_holm >= pair.p
        a, b = picked["random"]
        assert table.strategies[0].own_jaccard == pytest.approx(len(a & b) / len(a | b))
        assert table.strategies[0].draws == 2
        assert table.strategies[3].rows == -(-table.budget // 2)
        duplicate = table.pair("duplicate:times=2", "random")
        assert duplicate.chance_jaccard == pytest.approx(expected_jaccard(60, table.budget, -(-table.budget // 2)))


def test_what_cannot_be_compared_is_listed_with_its_reason(tiny: Experiment) -> None:
    chosen = parsed("random", "k-center", "full", "published:set=car")
    (table,) = OverlapStudy(tiny, MODEL).run(chosen, [8]).tables
    assert [one.spec for one in table.left_out] == ["full", "published:set=car"]
    assert "whole pool" in table.left_out[0].reason
    assert "was kept from Alpaca 52k" in table.left_out[1].reason


def test_no_base_model_is_made_for_strategies_that_do_not_read_it(
    tiny: Experiment, outcome: OverlapOutcome, built_base: Path, own_home: Path
) -> None:
    assert not tiny.base_ready(MODEL)
    without = tiny._context("")
    reading = [name for name in strategies.names() if reads_base_model(strategies.parse(name), without)]
    assert reading == ["longest", "mads", "micro-instruction", "micro-response", "random-length-matched"]
    assert [
        name
        for name in reading
        if reads_base_model(strategies.parse(name), dataclasses.replace(without, tokenizer="t"))
    ] == ["mads"]
    # With the base model there, the same selections are found under the same keys.
    before = tiny.selector_for(MODEL, parsed("k-center"))
    shutil.copytree(built_base, own_home / "cache" / "base-models", dirs_exist_ok=True)
    assert tiny.base_ready(MODEL)
    after = tiny.selector_for(MODEL, parsed("k-center"))
    (k_center,) = parsed("k-center")
    assert after.context.base_model
    assert not before.context.base_model
    assert before.key(k_center, 8, 0) == after.key(k_center, 8, 0)


def test_maps_are_those_named_or_the_pair_most_alike(tiny: Experiment, outcome: OverlapOutcome) -> None:
    assert [(drawn.first, drawn.second) for table in outcome.tables for drawn in table.maps] == [
        ("k-center", "k-means:clusters=4")
    ] * 2
    assert outcome.pool_map is not None
    assert sum(map(sum, outcome.pool_map.counts)) == 60
    study = OverlapStudy(tiny, MODEL)
    (table,) = study.run(parsed("random", "k-center"), [8], [("random", "k-center")]).tables
    (drawn,) = table.maps
    assert len(drawn.only_first) + len(drawn.both) == len(drawn.only_second) + len(drawn.both) == 8
    without = study.run(parsed("random", "k-center"), [8], None)
    assert without.pool_map is None
    assert without.tables[0].maps == ()


def test_an_outcome_is_kept_and_read(tmp_path: Path, outcome: OverlapOutcome) -> None:
    keep(tmp_path, "tiny", "overlap", outcome)
    assert read_kept(tmp_path, "tiny", "overlap", OverlapOutcome) == outcome


def test_refusals(tiny: Experiment) -> None:
    study = OverlapStudy(tiny, MODEL)
    with pytest.raises(UsageError, match="at least two strategies"):
        study.run(parsed("random"), [8])
    with pytest.raises(UnknownNameError, match="no strategy among those compared 'farthest'"):
        study.run(parsed("random", "k-center"), [8], [("random", "farthest")])


def test_shared_picks_are_told_from_chance_and_unrelated_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    one, other, third = parsed("k-center", "farthest", "random")
    core = rng.permutation(3000)[:100]
    families = [
        Family(one, (np.sort(core),)),
        Family(other, (np.sort(np.concatenate([core[:30], rng.permutation(3000)[:70]])),)),
        Family(third, tuple(np.sort(rng.permutation(3000)[:100]) for _ in range(5))),
    ]
    alike, *unrelated = compare(families, 3000)
    assert alike.beyond_chance
    assert alike.times_chance > 8
    assert not any(pair.beyond_chance for pair in unrelated)
