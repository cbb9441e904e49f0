"""What the URL carries: everything a view needs, given back exactly, and nothing that a hostile query could use."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.address import LONGEST_SEARCH, LONGEST_TEXT, MOST_ITEMS, Address

NAMES = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,6}){0,3}", fullmatch=True)
LISTS = st.lists(NAMES, max_size=6, unique=True).map(tuple)
PRINTED = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=80)
ADDRESSES = st.builds(
    Address,
    view=NAMES,
    track=NAMES,
    budget=st.none() | st.integers(0, 10**9),
    base_model=NAMES,
    tasks=LISTS,
    kinds=LISTS,
    levels=LISTS,
    search=PRINTED.map(str.strip),
    columns=LISTS,
    sort=NAMES | NAMES.map("-{}".format),
    variants=st.booleans(),
    first=PRINTED,
    second=PRINTED,
    metric=NAMES,
    run=st.just("") | st.from_regex(r"results/[a-z]{1,8}/[a-z]{1,8}/[0-9a-f]{16}/[0-9a-f]{16}\.json", fullmatch=True),
    at=st.integers(1, 10**6),
)


def read(query: str) -> Address:
    """As the server reads a query string."""
    return Address.parse({key: values[-1] for key, values in parse_qs(query).items()})


@given(ADDRESSES)
def test_an_address_survives_the_way_through_a_url(address: Address) -> None:
    assert read(address.to_query()) == address
    assert address.href == f"?{address.to_query()}"


@given(st.dictionaries(st.sampled_from([*Address.__dataclass_fields__, "__class__", "x"]), st.text(max_size=600)))
def test_whatever_a_query_holds_it_becomes_a_bounded_address(query: dict[str, str]) -> None:
    address = Address.parse(query)
    # Reading what was written changes nothing: there is one canonical way to write each address.
    assert read(address.to_query()) == address
    assert len(address.search) <= LONGEST_SEARCH
    assert all(len(text) <= LONGEST_TEXT for text in (address.first, address.second, address.run))
    assert all(len(items) <= MOST_ITEMS for items in (address.tasks, address.kinds, address.levels, address.columns))
    assert ".." not in address.run.split("/")
    assert address.at >= 1


def test_the_front_page_has_no_query_and_defaults_are_left_out() -> None:
    assert Address().to_query() == ""
    assert Address(track="microworld", tasks=("a", "b-c"), sort="-score").to_query() == (
        "track=microworld&tasks=a,b-c&sort=-score"
    )


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"budget": "500"}, Address(budget=500)),
        ({"budget": "-1"}, Address()),
        ({"budget": "５００"}, Address()),  # full-width digits
        ({"budget": "1e3"}, Address()),
        ({"budget": "9" * 5000}, Address()),
        ({"at": "0"}, Address()),
        ({"at": "two"}, Address()),
        ({"track": "../../etc/passwd"}, Address()),
        ({"track": "<script>"}, Address()),
        ({"tasks": "a,,b,a,<i>"}, Address(tasks=("a", "b"))),
        (
            {"tasks": ",".join(f"t{number}" for number in range(1000))},
            Address(tasks=tuple(f"t{n}" for n in range(100))),
        ),
        ({"run": "results/../../secret"}, Address()),
        ({"run": "/etc/passwd"}, Address()),
        ({"run": "results/a\n/b"}, Address()),
        ({"sort": "--score"}, Address()),
        ({"sort": "score;drop"}, Address()),
        ({"variants": "1"}, Address()),
        ({"variants": "yes"}, Address(variants=True)),
        ({"search": "  a\x00b\u202ec  "}, Address(search="abc")),
        ({"search": "x" * 5000}, Address(search="x" * 100)),
        ({"first": "k-means:clusters=20"}, Address(first="k-means:clusters=20")),
        ({"first": "x" * 401}, Address()),
        ({"unknown": "1"}, Address()),
    ],
)
def test_hostile_values_are_left_out(query: dict[str, str], kept: Address) -> None:
    assert Address.parse(query) == kept


def test_another_choice_begins_a_long_table_anew() -> None:
    assert Address(at=7).changed(sort="score") == Address(sort="score")
    assert Address(at=7).changed(at=8).at == 8
