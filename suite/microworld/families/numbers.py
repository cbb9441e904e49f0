"""Families about numbers: addition, comparison, succession, parity."""

from __future__ import annotations

from collections.abc import Sequence

from suite.microworld.draw import Draw
from suite.microworld.families.family import Family, Problem, problem, word_by_word
from suite.microworld.lexicon import DAYS, MONTHS, Lexicon

CYCLES = (DAYS.split(), MONTHS.split())
SMALL = 12


def _small(lexicon: Lexicon) -> list[int]:
    return [number for number in lexicon.numbers if number <= SMALL]


def _add(lexicon: Lexicon, draw: Draw) -> Problem:
    a, b = draw.one(_small(lexicon)), draw.one(_small(lexicon))
    return problem(str(a + b), a=str(a), b=str(b))


def _larger(lexicon: Lexicon, draw: Draw) -> Problem:
    a, b = draw.several(lexicon.numbers, 2)
    return problem(str(max(a, b)), a=str(a), b=str(b))


def _ordered(lexicon: Lexicon) -> Sequence[str]:
    numbers = [str(number) for number in lexicon.numbers]
    return [*numbers[:10], *CYCLES[0], *numbers[10:], *CYCLES[1]]


def successor(word: str) -> str:
    """The number, day or month that follows; days and months go round."""
    if word.isdigit():
        return str(int(word) + 1)
    cycle = next(names for names in CYCLES if word in names)
    return cycle[(cycle.index(word) + 1) % len(cycle)]


NUMBERS = (
    Family(
        name="add",
        practice=2,
        group="numbers",
        draw=_add,
        phrasings=(
            ("What is {a} plus {b}?", ""),
            ("Add the two numbers.", "numbers: {a} {b}"),
            ("Work out the sum of {a} and {b}.", ""),
            ("Compute:", "numbers: {a} + {b}"),
        ),
        prose=(
            "so {a} plus {b} makes {answer} .",
            "the sum of {a} and {b} is {answer} .",
            "add {a} {b} to get {answer} .",
        ),
        note="{a} + {b} = {answer}",
    ),
    Family(
        name="larger",
        group="numbers",
        draw=_larger,
        phrasings=(
            ("Which is larger, {a} or {b}?", ""),
            ("Pick the larger number.", "numbers: {a} {b}"),
            ("Find the maximum of {a} and {b}.", ""),
            ("Name the bigger of the two:", "numbers: {a} {b}"),
        ),
        prose=(
            "of {a} and {b} the larger is {answer} .",
            "the maximum of {a} {b} is {answer} .",
            "between {a} and {b} , {answer} is bigger .",
        ),
        note="{a} {b} = {answer}",
    ),
    Family(
        name="successor",
        group="numbers",
        draw=word_by_word(_ordered, lambda world, word: successor(word)),
        phrasings=(
            ("What comes after {x}?", ""),
            ("Give the successor of each.", "item: {x}"),
            ("Which one follows {x}?", ""),
            ("Name what is next:", "item: {x}"),
        ),
        prose=(
            "after {x} comes {answer} .",
            "so {x} is followed by {answer} .",
            "the successor of {x} is {answer} .",
        ),
    ),
    Family(
        name="parity",
        group="numbers",
        draw=word_by_word(
            lambda world: [str(number) for number in world.numbers],
            lambda world, word: ("even", "odd")[int(word) % 2],
        ),
        phrasings=(
            ("Is {x} even or odd?", ""),
            ("Say even or odd for each number.", "numbers: {x}"),
            ("Tell the parity of {x}.", ""),
            ("Even or odd:", "numbers: {x}"),
        ),
        prose=(
            "so {x} is {answer} .",
            "the parity of {x} is {answer} .",
            "they call {x} {answer} .",
        ),
    ),
)
