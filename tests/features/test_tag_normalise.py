"""From written tags to numbered ones: normal forms, rare tags, near-duplicates, and what order must not change."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from suite.features.tag_normalise import character_rows, merge_near_duplicates, number_tags, plain, stemmed

TAG_TEXTS = st.sampled_from(
    [
        "Sorting",
        "sorted lists",
        "sort list",
        "LIST",
        "lists",
        "travel advice",
        "advice, travel",
        "Reise",
        "旅行",
        "--",
        "",
    ]
)
SAMPLES = st.lists(st.lists(TAG_TEXTS, max_size=5), max_size=40)


def random_rows(names: Sequence[str]) -> np.ndarray:
    """A unit row for each name, the same in whatever company it comes."""
    rows = np.stack([np.random.default_rng(zlib.crc32(name.encode())).normal(size=3) for name in names])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def named(samples: Sequence[Sequence[str]], **changes: object) -> list[list[str]]:
    settings = {"rare": 1, "most": None, "similarity": 2.0, "embed": character_rows} | changes
    found = number_tags(samples, **settings)  # type: ignore[arg-type]
    return [[found.names[tag] for tag in found.ids[start:stop]] for start, stop in pairwise(found.offsets)]


@settings(max_examples=200, deadline=None)
@given(tag=st.text(max_size=30))
def test_a_plain_tag_is_lower_case_words_and_stays_so(tag: str) -> None:
    assert plain(plain(tag)) == plain(tag)
    assert all(word.isalnum() for word in plain(tag).split())
    assert stemmed(plain(tag)) == stemmed(tag)


def test_spellings_of_one_tag() -> None:
    assert plain("  Unit_Conversion (metric)! ") == "unit conversion metric"
    assert len({stemmed(tag) for tag in ("Sorting lists", "sorted list", "SORT-LIST", "ｓｏｒｔ　ｌｉｓｔｓ")}) == 1
    assert stemmed("tense") != stemmed("ten")
    assert stemmed("!?") == ""
    assert stemmed("旅行の計画") == "旅行の計画"
    assert stemmed("Straßen") == stemmed("STRASSEN")


def test_each_step() -> None:
    samples = [["Sorting", "python code", "sort"], ["sorting", "Python-Code"], ["sorts", "river"], []]
    assert named(samples) == [["sorting", "python code"], ["sorting", "python code"], ["sorting", "river"], []]
    assert named(samples, rare=2) == [["sorting", "python code"], ["sorting", "python code"], ["sorting"], []]
    assert named(samples, most=1) == [["sorting"], ["sorting"], ["sorting"], []]
    assert named(samples, rare=4) == [[], [], [], []]
    found = number_tags(samples, rare=2, most=None, similarity=2.0, embed=character_rows)
    assert found.distinct == {"written": 7, "normalised": 3, "frequent": 2, "merged": 2, "kept": 2}
    assert found.ids.dtype == np.uint32
    assert found.offsets.tolist() == [0, 2, 4, 5, 5]


def test_near_duplicates_join_the_commoner() -> None:
    samples = [["energy production"]] * 5 + [["production energy"]] * 3 + [["river"]] * 4
    assert Counter(tag for tags in named(samples, similarity=0.85) for tag in tags) == {
        "energy production": 8,
        "river": 4,
    }
    # A sample that held both holds the merged tag once.
    assert named([["energy production", "production energy"]], similarity=0.85) == [["energy production"]]


def test_a_tag_that_the_cut_made_rare_goes() -> None:
    samples = [["a1", "b1"], ["a1", "b1"], ["b1"], ["a1"]]
    assert named(samples, most=1, rare=2) == [["a1"], ["a1"], [], ["a1"]]


@settings(max_examples=200, deadline=None)
@given(
    samples=SAMPLES,
    rare=st.integers(1, 4),
    most=st.none() | st.integers(1, 3),
    similarity=st.sampled_from([0.2, 0.6, 0.9, 2.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_of_samples_changes_nothing_and_a_second_time_neither(
    samples: list[list[str]], rare: int, most: int | None, similarity: float, seed: int
) -> None:
    options = {"rare": rare, "most": most, "similarity": similarity, "embed": random_rows}
    once = named(samples, **options)
    order = np.random.default_rng(seed).permutation(len(samples))
    assert named([samples[row] for row in order], **options) == [once[row] for row in order]
    counts = Counter(tag for tags in once for tag in tags)
    assert all(count >= rare for count in counts.values())
    assert all(len(tags) <= (most or 5) and len(set(tags)) == len(tags) for tags in once)
    assert named(once, **options) == once


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    similarity=st.sampled_from([0.05, 0.5, 0.9, 0.99]),
    sparse=st.booleans(),
    block=st.integers(1, 41),
)
def test_merging_follows_its_definition_and_is_idempotent(
    seed: int, count: int, similarity: float, sparse: bool, block: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 2, size=(count, 3)).astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("suite.features.tag_normalise.BLOCK", block)
        leaders = merge_near_duplicates(csr_matrix(rows) if sparse else rows, similarity=similarity)
        kept = np.unique(leaders)
        again = merge_near_duplicates(rows[kept], similarity=similarity)
    assert again.tolist() == list(range(len(kept)))
    for member in range(count):
        standing = [other for other in range(member) if leaders[other] == other]
        near = [other for other in standing if rows[member] @ rows[other] >= similarity - 1e-9]
        if not near:
            assert leaders[member] == member
        else:
            best = max(rows[member] @ rows[other] for other in near)
            assert rows[member] @ rows[leaders[member]] >= best - 1e-12
            assert leaders[member] in near
