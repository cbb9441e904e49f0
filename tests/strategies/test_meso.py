"""Meso-level diversity: the largest tags at each level, samples without a tag, and levels out of reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from suite.errors import ParameterError, SelectionError
from suite.features import TagLists, Tags, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.pool import Pool, pool_from_records
from suite.registry import strategies

Select = Callable[..., np.ndarray]


@pytest.fixture
def tags(pool: Pool, track: TrackContext, store: FeatureStore) -> TagLists:
    wanted = Tags(view="instruction")
    found: TagLists = compute_features([wanted], pool, track, store).features[wanted]
    return found


def test_more_diversity_covers_more_tags(select: Select, tags: TagLists) -> None:
    covered = []
    for level in (0, 0.5, 1):
        picked = select(f"meso-instruction:diversity={level}", 100)
        assert all(len(tags[row]) for row in picked), "a sample without a tag is never picked"
        covered.append(len({tag for row in picked for tag in tags[row].tolist()}))
    assert covered == sorted(covered)
    assert covered[0] < covered[2] == len(tags.names)


def test_the_lowest_level_keeps_the_largest_tags(select: Select, tags: TagLists) -> None:
    holders = [sum(any(tag < kept for tag in held) for held in tags) for kept in range(len(tags.names) + 1)]
    fewest = next(kept for kept, reached in enumerate(holders) if reached >= 100)
    # Tags are numbered by how many samples hold them, so the largest are the first.
    picked = select("meso-instruction:diversity=0", 100)
    assert all(tags[row].min() < fewest for row in picked)
    assert {int(tag) for row in picked for tag in tags[row]} >= set(range(fewest))


def test_tags_missing_for_some_samples(select: Select) -> None:
    texts = ["paint the harbour", "paint the glacier"] * 20 + ["", "?"] * 10
    pool = pool_from_records([{"id": str(row), "instruction": text} for row, text in enumerate(texts)])
    assert set(select("meso-instruction", 40, samples=pool)) == set(range(40))
    with pytest.raises(SelectionError, match="cannot pick 41 samples: only 40 hold one of its"):
        select("meso-instruction", 41, samples=pool)
    with pytest.raises(SelectionError, match="finds no tag in the response"):
        select("meso-response", 1, samples=pool)
    with pytest.raises(SelectionError, match=r"rare=1000 finds no tag in the instruction.*Lower `rare`"):
        select("meso-instruction:rare=1000", 1)


def test_parameters_reach_the_tags(select: Select, track: TrackContext) -> None:
    plain = select("meso-instruction:diversity=0.5", 60)
    for changed in ("tagger=keyphrases?words=1", "rare=6", "most=2", "similarity=0.5", "match_length=true"):
        assert not np.array_equal(plain, select(f"meso-instruction:diversity=0.5,{changed}", 60)), changed
    strategy = strategies.parse("meso-response:tagger=keyphrases?words=3,match_length=true")
    assert [feature.kind for feature in strategy.requires(track)] == ["tags", "tokens"]
    with pytest.raises(ParameterError, match="between 0 and 1"):
        strategies.parse("meso-instruction:diversity=-1")
