"""Families about lists of words: reverse, sort, pick by position, count."""

from __future__ import annotations

from suite.microworld.draw import Draw
from suite.microworld.families.family import Family, Problem, problem
from suite.microworld.lexicon import Lexicon

POSITIONS = {"first": 0, "second": 1, "last": -1}


def _reverse(lexicon: Lexicon, draw: Draw) -> Problem:
    words = draw.several(lexicon.colours, draw.between(2, 3))
    return problem(" ".join(reversed(words)), x=" ".join(words))


def _sort(lexicon: Lexicon, draw: Draw) -> Problem:
    letters = draw.several(lexicon.letters, draw.between(2, 3))
    return problem(" ".join(sorted(letters)), x=" ".join(letters))


def _position(lexicon: Lexicon, draw: Draw) -> Problem:
    words = draw.several(lexicon.colours, 3)
    place = draw.one(tuple(POSITIONS))
    return problem(words[POSITIONS[place]], x=" ".join(words), place=place)


def _count(lexicon: Lexicon, draw: Draw) -> Problem:
    words = draw.several(lexicon.nouns, draw.between(1, 5))
    return problem(str(len(words)), x=" ".join(words))


LISTS = (
    Family(
        name="reverse",
        practice=3,
        group="lists",
        draw=_reverse,
        phrasings=(
            ("Reverse the list: {x}", ""),
            ("Write these words backwards.", "list: {x}"),
            ("Put in reverse order:", "list: {x}"),
            ("Read {x} from the end to the start.", ""),
        ),
        prose=(
            "the list {x} backwards is {answer} .",
            "so {x} , read from the end : {answer} .",
            "in reverse order {x} reads {answer} .",
        ),
    ),
    Family(
        name="sort",
        group="lists",
        draw=_sort,
        phrasings=(
            ("Sort the letters: {x}", ""),
            ("Put these letters into alphabetical order.", "letters: {x}"),
            ("Order by the alphabet:", "letters: {x}"),
            ("Sort {x} from a to z.", ""),
        ),
        prose=(
            "the letters {x} sorted are {answer} .",
            "by the alphabet {x} becomes {answer} .",
            "so {x} from a to z : {answer} .",
        ),
    ),
    Family(
        name="position",
        practice=2,
        group="lists",
        draw=_position,
        phrasings=(
            ("What is the {place} word of {x}?", ""),
            ("Pick the {place} word.", "list: {x}"),
            ("Which word stands {place} in {x}?", ""),
            ("Give the {place} item of the list:", "list: {x}"),
        ),
        prose=(
            "in {x} the {place} word is {answer} .",
            "the {place} item of {x} is {answer} .",
            "of {x} , {answer} stands {place} .",
        ),
        note="{place} {x} = {answer}",
    ),
    Family(
        name="count",
        group="lists",
        draw=_count,
        phrasings=(
            ("How many words are in: {x}", ""),
            ("Count the words.", "list: {x}"),
            ("Give the number of items:", "list: {x}"),
            ("Tell the length of the list {x}.", ""),
        ),
        prose=(
            "the list {x} has {answer} words .",
            "they count {x} and get {answer} .",
            "so {x} : the number of items is {answer} .",
        ),
    ),
)
