"""The feature of tags: what it stores, its parameters and keys, and odd pools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suite.errors import BreadthError, FeatureError, UnknownNameError
from suite.features import Features, TagLists, Tags, TrackContext
from suite.features.store import FeatureStore, compute_features
from suite.microworld import world
from suite.pool import Pool, pool_from_records

TRACK = TrackContext("test", 60, embedder="tfidf-svd")


def pool_of(*texts: str) -> Pool:
    return pool_from_records([{"id": str(row), "instruction": text} for row, text in enumerate(texts)])


def tags_of(pool: Pool, folder: Path, wanted: Tags | None = None, track: TrackContext = TRACK) -> TagLists:
    feature = wanted or Tags()
    found: TagLists = compute_features([feature], pool, track, FeatureStore(folder)).features[feature]
    return found


def words(tags: TagLists) -> list[set[str]]:
    return [{tags.names[tag] for tag in held} for held in tags]


def test_a_pool_with_empty_strange_and_foreign_texts(tmp_path: Path) -> None:
    pool = pool_of(
        "Describe the water cycle.",
        "Explain the Water Cycle to a child.",
        "",
        "?!",
        "Beschreibe die Photosynthese der Pflanzen.",
        "Erkläre die Photosynthese einem Kind.",
        "解释 光合作用",
        "解释 光合作用",
        "An unrelated glacier",
    )
    tags = tags_of(pool, tmp_path)
    held = words(tags)
    assert "water cycle" in held[0] & held[1]
    assert held[2] == held[3] == set()
    assert any("photosynthese" in tag for tag in held[4] & held[5])
    assert held[6] == held[7] != set()
    assert held[8] == set(), "a tag of one sample is rare"
    assert (tags.ids.dtype, tags.offsets.dtype) == (np.uint32, np.int64)
    assert np.bincount(tags.ids).tolist() == sorted(np.bincount(tags.ids), reverse=True)
    assert tags.counts["failed"] == 0
    assert tags.counts["written"] >= tags.counts["normalised"] >= tags.counts["frequent"] >= tags.counts["merged"]
    assert tags.counts["kept"] == len(tags.names)
    again = tags_of(pool, tmp_path)
    assert (again.names, words(again)) == (tags.names, held)


@pytest.mark.parametrize("texts", [(), ("",), ("one glacier",), ("", "?", "12")])
def test_a_pool_without_a_tag(texts: tuple[str, ...], tmp_path: Path) -> None:
    tags = tags_of(pool_of(*texts), tmp_path)
    assert (len(tags), len(tags.ids), tags.names) == (len(texts), 0, ())
    assert tags.counts["kept"] == 0


def test_microworld_families_show_in_their_tags(tmp_path: Path) -> None:
    pool = pool_from_records(world(5).pool_samples(400))
    tags = tags_of(pool, tmp_path)
    assert np.mean(tags.lengths > 0) > 0.9
    assert 2 < tags.lengths.mean() <= 5
    assert {"letters", "list", "sum"} & set(tags.names[:40])


def test_the_default_of_rare_grows_with_the_pool(tmp_path: Path) -> None:
    texts = ["glacier"] * 2 + ["harbour"] * 3 + [""] * 29_995
    assert tags_of(pool_of(*texts[:100]), tmp_path).names == ("harbour", "glacier")
    assert tags_of(pool_of(*texts), tmp_path).names == ("harbour",)
    assert tags_of(pool_of(*texts[:100]), tmp_path, Tags(rare=4)).names == ()


def test_merging_by_an_embedder(tiny_base: Path, tmp_path: Path) -> None:
    pool = pool_of(*["glacier ice", "harbour wall"] * 3, *["pepper"] * 2)
    embedder = f"causal-lm:{tiny_base}"
    apart = Tags(merge=embedder, similarity=1.01)
    assert len(tags_of(pool, tmp_path, apart).names) == tags_of(pool, tmp_path, apart).counts["frequent"]
    everything = Tags(merge=embedder, similarity=0.001)
    track = TrackContext("test", 8, embedder=embedder)
    by_track = Tags(merge="track", similarity=0.001)
    assert by_track.resolve(track) == everything.resolve(track)
    assert tags_of(pool, tmp_path, by_track, track).counts["merged"] < 6
    with pytest.raises(FeatureError, match="cannot compare tags"):
        by_track.resolve(TRACK)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Tags(tagger="keyphrase"), "Did you mean 'keyphrases'"),
        (Tags(tagger="keyphrases:model"), "takes no model"),
        (Tags(tagger="engine"), "needs a model"),
        (Tags(tagger="keyphrases?top=3"), "no option 'top'; it has: words"),
        (Tags(tagger="keyphrases?words=0"), "words of tagger keyphrases must be at least 1"),
        (Tags(tagger="keyphrases?words=two"), "is no number"),
        (Tags(tagger="keyphrases?failures=2"), "share between 0 and 1"),
        (Tags(tagger="engine:x?engine=jax"), "auto, transformers or vllm"),
        (Tags(merge="words"), "no embedder 'words'"),
        (Tags(rare=0), "at least 1"),
        (Tags(most=0), "at least 1"),
        (Tags(similarity=0.0), "cosine above 0"),
        (Tags(similarity=float("nan")), "cosine above 0"),
    ],
)
def test_parameters_are_checked(wanted: Tags, message: str) -> None:
    with pytest.raises(BreadthError, match=message):
        wanted.resolve(TRACK)


def test_an_unknown_tagger_names_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="engine, keyphrases"):
        Tags(tagger="tf").resolve(TRACK)


def test_keys_follow_parameters(tmp_path: Path) -> None:
    store, pool = FeatureStore(tmp_path), pool_of("x")
    changed = [
        Tags(),
        Tags(view="response"),
        Tags(tagger="keyphrases?words=3"),
        Tags(rare=3),
        Tags(most=3),
        Tags(similarity=0.9),
    ]
    assert len({store.key(feature.resolve(TRACK), pool) for feature in changed}) == len(changed)
    same = Tags(tagger="keyphrases", most=5)
    assert store.key(same.resolve(TRACK), pool) == store.key(Tags().resolve(TRACK), pool)


def test_computing_needs_a_scratch_folder() -> None:
    with pytest.raises(FeatureError, match="scratch"):
        Tags().resolve(TRACK).compute(pool_of("x"), Features(TRACK, {}), lambda done, total: None)
