"""Chains of two skills, asked only in the compositional split: no sample of a pool holds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from suite.microworld.draw import Draw
from suite.microworld.families.family import Problem, problem
from suite.microworld.families.lists import POSITIONS
from suite.microworld.families.numbers import successor
from suite.microworld.lexicon import NUMBER_WORDS, Lexicon, plural


@dataclass(frozen=True)
class Composition:
    """Two families chained: how a problem is drawn, and the one way it is asked."""

    name: str
    draw: Callable[[Lexicon, Draw], Problem]
    phrasing: tuple[str, str]


def _of_position(
    words: Callable[[Lexicon], tuple[str, ...]], answer: Callable[[Lexicon, str], str]
) -> Callable[[Lexicon, Draw], Problem]:
    def draw_problem(lexicon: Lexicon, draw: Draw) -> Problem:
        listed, place = draw.several(words(lexicon), 3), draw.even(tuple(POSITIONS))
        return problem(answer(lexicon, listed[POSITIONS[place]]), x=" ".join(listed), place=place)

    return draw_problem


def _least(lexicon: Lexicon, draw: Draw) -> Problem:
    letters = draw.several(lexicon.letters, 3)
    return problem(min(letters), x=" ".join(letters))


def _parity_of_sum(lexicon: Lexicon, draw: Draw) -> Problem:
    a, b = draw.below(13), draw.below(13)
    return problem(("even", "odd")[(a + b) % 2], a=str(a), b=str(b))


def _after_larger(lexicon: Lexicon, draw: Draw) -> Problem:
    a, b = draw.several(range(30), 2)
    return problem(successor(str(max(a, b))), a=str(a), b=str(b))


def _sum_of_words(lexicon: Lexicon, draw: Draw) -> Problem:
    a, b = draw.below(13), draw.below(13)
    return problem(str(a + b), a=NUMBER_WORDS.split()[a], b=NUMBER_WORDS.split()[b])


def _plural_in_table(lexicon: Lexicon, draw: Draw) -> Problem:
    keys, values = draw.several(lexicon.colours, 3), draw.several(lexicon.nouns, 3)
    wanted = draw.below(3)
    rows = " ; ".join(f"{key} : {value}" for key, value in zip(keys, values, strict=True))
    return problem(plural(values[wanted]), x=rows, wanted=keys[wanted])


COMPOSITIONS = (
    Composition(
        "position-opposite",
        _of_position(lambda world: world.adjectives, lambda world, word: world.opposite[word]),
        ("What is the opposite of the {place} word?", "list: {x}"),
    ),
    Composition(
        "position-plural",
        _of_position(lambda world: world.nouns, lambda world, word: plural(word)),
        ("What is the plural of the {place} word?", "list: {x}"),
    ),
    Composition(
        "position-home",
        _of_position(lambda world: world.people, lambda world, word: world.home[word]),
        ("What is the home town of the {place} person?", "list: {x}"),
    ),
    Composition("sort-position", _least, ("Sort the letters and give the first.", "list: {x}")),
    Composition("add-parity", _parity_of_sum, ("Is the sum of {a} and {b} even or odd?", "")),
    Composition("larger-successor", _after_larger, ("What comes after the larger of {a} and {b}?", "")),
    Composition("digits-add", _sum_of_words, ("What is {a} plus {b} in digits?", "")),
    Composition("table-plural", _plural_in_table, ("What is the plural of the entry for {wanted}?", "table: {x}")),
)
