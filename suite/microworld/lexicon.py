"""The words and the facts of a world: plain English words, and names, words and facts drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass

from suite.microworld.draw import Draw

OPPOSITES = (
    "hot cold, big small, fast slow, old new, high low, light dark, wet dry, full empty, hard soft, rich poor, "
    "loud quiet, strong weak, early late, thick thin, clean dirty, near far, happy sad, deep shallow, "
    "wide narrow, true false"
)
NOUNS = (
    "dog cat cow goat wolf apple pear plum melon cherry hammer saw drill rake wrench hat coat sock scarf glove table "
    "chair bed lamp bench car bus train boat ferry oak rose fern lily moss cup plate bowl knife dish"
)
IRREGULAR_PLURALS = {"knife": "knives", "wolf": "wolves"}
VERBS = (
    "walk jump play call help wash cook paint open close push pull climb look talk work start finish count visit "
    "answer ask need want turn move carry try study bake"
)
COLOURS = "red blue green black white brown pink grey gold silver"
JOBS = "baker farmer doctor teacher pilot singer painter sailor tailor nurse"
NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
LETTERS = "abcdefghijkl"
HIGHEST_NUMBER = 30
PEOPLE, TOWNS = 30, 10
MONTHS = "January February March April May June July August September October November December"


@dataclass(frozen=True)
class Lexicon:
    """Words in the world's own order of frequency (the first is the commonest), and its facts."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    colours: tuple[str, ...]
    people: tuple[str, ...]
    towns: tuple[str, ...]
    jobs: tuple[str, ...]
    numbers: tuple[int, ...]
    letters: tuple[str, ...]
    opposite: dict[str, str]
    foreign: dict[str, str]
    home: dict[str, str]


def lexicon(seed: int) -> Lexicon:
    """The lexicon of a seed: the order of every list, invented names and the facts differ between seeds."""
    draw = Draw(f"microworld lexicon {seed}")
    pairs = [tuple(pair.split()) for pair in OPPOSITES.split(", ")]
    names = _names(draw, PEOPLE + TOWNS + len(NOUNS.split()))
    people, towns = names[:PEOPLE], names[PEOPLE : PEOPLE + TOWNS]
    return Lexicon(
        adjectives=tuple(draw.shuffled([word for pair in pairs for word in pair])),
        nouns=tuple(draw.shuffled(NOUNS.split())),
        verbs=tuple(draw.shuffled(VERBS.split())),
        colours=tuple(draw.shuffled(COLOURS.split())),
        people=tuple(name.capitalize() for name in people),
        towns=tuple(name.capitalize() for name in towns),
        jobs=tuple(draw.shuffled(JOBS.split())),
        numbers=tuple(draw.shuffled(range(HIGHEST_NUMBER + 1))),
        letters=tuple(draw.shuffled(LETTERS)),
        opposite={a: b for one, other in pairs for a, b in ((one, other), (other, one))},
        foreign=dict(zip(NOUNS.split(), names[PEOPLE + TOWNS :], strict=True)),
        home={name.capitalize(): draw.even(towns).capitalize() for name in people},
    )


def plural(noun: str) -> str:
    """The plural of a noun of NOUNS."""
    if noun in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[noun]
    if noun.endswith(("x", "s", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def past(verb: str) -> str:
    """The past tense of a verb of VERBS (all are regular)."""
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + "ed"


def _names(draw: Draw, count: int) -> list[str]:
    """Different invented names of two syllables."""
    heads = [
        consonant + vowel
        for consonant in ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"]
        for vowel in "aeiou"
    ]
    tails = [
        consonant + ending
        for consonant in ["b", "d", "k", "l", "m", "n", "r", "s", "t", "v"]
        for ending in ("an", "el", "is", "o", "ur")
    ]
    taken = set(f"{OPPOSITES} {VERBS} {COLOURS} {JOBS} {NOUNS}".replace(",", "").split())
    names: list[str] = []
    while len(names) < count:
        name = draw.even(heads) + draw.even(tails)
        if name not in taken:
            taken.add(name)
            names.append(name)
    return names
