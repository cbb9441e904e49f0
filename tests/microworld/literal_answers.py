"""Answers of every family worked out a second time, from the texts of a problem alone and by other means."""

from __future__ import annotations

from suite.microworld.lexicon import NUMBER_WORDS, OPPOSITES, Lexicon

WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Monday"
YEAR = "January February March April May June July August September October November December January"
PLURALS = {
    "knife": "knives",
    "wolf": "wolves",
    "cherry": "cherries",
    "lily": "lilies",
    "ferry": "ferries",
    "bus": "buses",
    "wrench": "wrenches",
    "bench": "benches",
    "moss": "mosses",
    "dish": "dishes",
}
PASTS = {
    "carry": "carried",
    "try": "tried",
    "study": "studied",
    "bake": "baked",
    "close": "closed",
    "move": "moved",
}


def literal_answer(family: str, fields: dict[str, str], world: Lexicon) -> str:
    """The right answer to a problem of `family`."""
    if family in LISTS:
        return LISTS[family](fields)
    return " ".join(WORDS[family](word, world) for word in fields["x"].split())


def _opposite(word: str, world: Lexicon) -> str:
    for pair in OPPOSITES.split(", "):
        left, right = pair.split(" ")
        if word == left:
            return right
        if word == right:
            return left
    raise AssertionError(word)


def _after(word: str, world: Lexicon) -> str:
    for names in (WEEK, YEAR):
        if word in names:
            return names.split(word + " ", 1)[1].split(" ")[0]
    return f"{int(word) + 1}"


def _table(fields: dict[str, str]) -> str:
    return dict(row.split(" : ") for row in fields["x"].split(" ; "))[fields["wanted"]]


def _position(fields: dict[str, str]) -> str:
    first, second, third = fields["x"].split()
    return {"first": first, "second": second, "last": third}[fields["place"]]


def _backwards(fields: dict[str, str]) -> str:
    words = fields["x"].split()
    return " ".join(words[-1 - number] for number in range(len(words)))


def _sorted(fields: dict[str, str]) -> str:
    return " ".join(letter for letter in "abcdefghijklmnopqrstuvwxyz" if f" {letter} " in f" {fields['x']} ")


WORDS = {
    "opposite": _opposite,
    "plural": lambda word, world: PLURALS.get(word, f"{word}s"),
    "past": lambda word, world: PASTS.get(word, f"{word}ed"),
    "translate": lambda word, world: world.foreign[word],
    "successor": _after,
    "parity": lambda word, world: "odd" if word[-1] in "13579" else "even",
    "home": lambda word, world: world.home[word],
    "digits": lambda word, world: str(f" {NUMBER_WORDS} ".split(f" {word} ")[0].count(" ")),
}
LISTS = {
    "add": lambda fields: str(len("|" * int(fields["a"]) + "|" * int(fields["b"]))),
    "larger": lambda fields: fields["a"] if int(fields["a"]) - int(fields["b"]) > 0 else fields["b"],
    "reverse": _backwards,
    "sort": _sorted,
    "position": _position,
    "count": lambda fields: str(fields["x"].count(" ") + 1),
    "table": _table,
    "record": lambda fields: "name: {name} job: {job} town: {town}".format(**fields),
}
