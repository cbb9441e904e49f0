"""Families about facts and formats: home, table look-up, record, digits."""

from __future__ import annotations

from suite.microworld.draw import Draw
from suite.microworld.families.family import Family, Problem, problem, word_by_word
from suite.microworld.lexicon import NUMBER_WORDS, Lexicon


def _table(lexicon: Lexicon, draw: Draw) -> Problem:
    size = 2
    keys, values = draw.several(lexicon.colours, size), draw.several(lexicon.nouns, size)
    wanted = draw.below(size)
    rows = " ; ".join(f"{key} : {value}" for key, value in zip(keys, values, strict=True))
    return problem(values[wanted], x=rows, wanted=keys[wanted])


def _record(lexicon: Lexicon, draw: Draw) -> Problem:
    name, job, town = draw.one(lexicon.people), draw.one(lexicon.jobs), draw.one(lexicon.towns)
    return problem(f"name: {name} job: {job} town: {town}", name=name, job=job, town=town)


RECORDS = (
    Family(
        name="home",
        group="records",
        draw=word_by_word(lambda world: world.people, lambda world, word: world.home[word]),
        phrasings=(
            ("Where does {x} live?", ""),
            ("Name the home town of each person.", "people: {x}"),
            ("In which town would you find {x}?", ""),
            ("Give the town:", "people: {x}"),
        ),
        prose=(
            "so {x} lives in {answer} .",
            "the home town of {x} is {answer} .",
            "you find {x} at home in {answer} .",
        ),
    ),
    Family(
        name="table",
        practice=2,
        group="records",
        draw=_table,
        phrasings=(
            ("Look up {wanted} in the table.", "table: {x}"),
            ("What is listed under {wanted}?", "table: {x}"),
            ("In the table {x}, what belongs to {wanted}?", ""),
            ("Find the entry for {wanted}:", "table: {x}"),
        ),
        prose=(
            "table {x} . {wanted} gives {answer} .",
            "so {x} . under {wanted} they list {answer} .",
            "so {x} . the entry for {wanted} is {answer} .",
        ),
        note="{x} , {wanted} = {answer}",
    ),
    Family(
        name="record",
        practice=2,
        group="records",
        draw=_record,
        phrasings=(
            ("Make a record of {name} the {job} from {town}.", ""),
            ("Convert to a record.", "line: {name} , {job} , {town}"),
            ("Fill in name, job and town.", "line: {name} {job} {town}"),
            ("Write as a record:", "line: {town} , {name} , {job}"),
        ),
        prose=(
            "so {name} the {job} from {town} : {answer}",
            "the clerk wrote {answer} for {name} , {job} , {town} .",
        ),
        note="{name} {job} {town} = {answer}",
    ),
    Family(
        name="digits",
        group="records",
        draw=word_by_word(
            lambda world: [NUMBER_WORDS.split()[number] for number in world.numbers if number <= 20],
            lambda world, word: str(NUMBER_WORDS.split().index(word)),
        ),
        phrasings=(
            ("Write {x} in digits.", ""),
            ("Convert the number words to digits.", "words: {x}"),
            ("Which number is {x}?", ""),
            ("As a figure:", "words: {x}"),
        ),
        prose=(
            "so {x} is written {answer} .",
            "the number {x} in digits is {answer} .",
            "they write {answer} for {x} .",
        ),
    ),
)
