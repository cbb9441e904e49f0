"""The heat map of overlaps and the map of a pool: what they show, their order, and names that stay text."""

from __future__ import annotations

import numpy as np
import pytest

from suite.figures.overlap import REACH, alike_order, overlap_figure
from suite.figures.pool_map import map_figure
from suite.figures.theme import OKABE_ITO, colour_of
from suite.studies.overlap import Drawn, OverlapOutcome, OverlapTable, Pair
from suite.studies.pool_map import Plane, density, pick_map

NAMES = ("random", "k-center", "<b>mine</b>", "farthest", "duplicate")


def pair(first: str, second: str) -> Pair:
    """`k-center` and `farthest` are alike, the stranger and `duplicate` share nothing, the rest is chance."""
    shared = 40.0 if {first, second} == {"k-center", "farthest"} else 0.0 if "duplicate" in (first, second) else 5.0
    p = 1e-9 if shared > 5 else 1.0
    jaccard = shared / (1000 - shared)
    return Pair(
        first=first, second=second, shared=shared, expected=5.0, jaccard=jaccard, chance_jaccard=0.005, p=p, p_holm=p
    )


def outcome(names: tuple[str, ...] = NAMES) -> OverlapOutcome:
    points = np.random.default_rng(1).normal(size=(400, 2))
    plane = Plane(points, (0.25, 0.125))
    drawn = pick_map(plane, (names[0], "baseline", np.arange(30)), (names[1], "embedding", np.arange(20, 50)))
    table = OverlapTable(
        budget=500,
        strategies=tuple(
            Drawn(spec=name, level="baseline", index_only=False, draws=3, rows=500, own_jaccard=0.0049)
            for name in names
        ),
        pairs=tuple(pair(one, other) for at, one in enumerate(names) for other in names[at + 1 :]),
        left_out=(),
        maps=(drawn,),
    )
    return OverlapOutcome(
        track="alpaca-cpu",
        base_model="m",
        pool_fingerprint="0" * 64,
        pool_size=51_974,
        tables=(table,),
        pool_map=density(plane, "tfidf-svd"),
    )


def test_neighbours_pick_alike_and_what_shares_nothing_stands_at_an_end() -> None:
    order = [NAMES[place] for place in alike_order(outcome().tables[0])]
    assert abs(order.index("k-center") - order.index("farthest")) == 1
    assert order.index("duplicate") in (0, len(NAMES) - 1)
    two = outcome(NAMES[:2]).tables[0]
    assert alike_order(two) == [0, 1]


def test_every_pair_stands_once_with_its_number_and_colour() -> None:
    made = overlap_figure(outcome(), outcome().tables[0])
    pairs, own = made.data
    values = np.array(pairs.z, dtype=float)
    assert np.isfinite(values).sum() == 10
    assert np.nanmax(values) == pytest.approx(3.0)
    assert np.nanmin(values) == -REACH
    texts = [text for line in pairs.text for text in line if text]
    assert sorted(texts) == sorted(["<b>4.2</b>", *["0.0"] * 4, *["0.5"] * 5])
    assert [own.text[place][place] for place in range(5)] == ["0.5"] * 5
    assert made.layout.width >= 900


def test_names_of_strangers_stay_text() -> None:
    made = overlap_figure(outcome(), outcome().tables[0])
    assert "&lt;b&gt;mine&lt;/b&gt;" in made.layout.yaxis.ticktext
    assert all("<b>mine" not in annotation.text for annotation in made.layout.annotations)
    strange = outcome(("<b>mine</b>", "k-center"))
    drawn = map_figure(strange, strange.tables[0], strange.tables[0].maps[0])
    assert drawn.data[1].name == "&lt;b&gt;mine&lt;/b&gt; alone (20)"


@pytest.mark.parametrize("dark", [False, True])
def test_the_map_holds_the_pool_as_counts_and_picks_as_points(dark: bool) -> None:
    whole = outcome()
    made = map_figure(whole, whole.tables[0], whole.tables[0].maps[0], dark=dark)
    pool, first, second, both = made.data
    assert np.nansum(np.asarray(pool.customdata)) == 400
    assert (len(first.x), len(second.x), len(both.x)) == (20, 20, 10)
    assert first.marker.color != second.marker.color
    assert made.layout.xaxis.title.text == "first principal component of the embeddings (25.0 % of the variance)"


def test_families_keep_their_colours_on_the_map_where_they_can() -> None:
    whole = outcome()
    picks = whole.tables[0].maps[0].model_copy(update={"first_level": "macro", "second_level": "micro"})
    _, first, second, _ = map_figure(whole, whole.tables[0], picks).data
    assert (first.marker.color, second.marker.color) == (colour_of("macro"), colour_of("micro"))
    alike = picks.model_copy(update={"second_level": "macro"})
    _, first, second, _ = map_figure(whole, whole.tables[0], alike).data
    assert {first.marker.color, second.marker.color} == {OKABE_ITO["blue"], OKABE_ITO["vermilion"]}


def test_an_outcome_without_a_map() -> None:
    whole = outcome().model_copy(update={"pool_map": None})
    with pytest.raises(ValueError, match="without a map"):
        map_figure(whole, whole.tables[0], whole.tables[0].maps[0])
