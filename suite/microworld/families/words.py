"""Families about single words: opposite, plural, past tense, translation."""

from __future__ import annotations

from suite.microworld.families.family import Family, word_by_word
from suite.microworld.lexicon import past, plural

WORDS = (
    Family(
        name="opposite",
        group="words",
        draw=word_by_word(lambda world: world.adjectives, lambda world, word: world.opposite[word]),
        phrasings=(
            ("What is the opposite of {x}?", ""),
            ("Give the opposite of each word.", "words: {x}"),
            ("Turn {x} into the contrary.", ""),
            ("Write antonyms for these words:", "words: {x}"),
        ),
        prose=(
            "the opposite of {x} is {answer} .",
            "so {x} and {answer} are opposites .",
            "not {x} but {answer} , the contrary .",
        ),
    ),
    Family(
        name="plural",
        group="words",
        draw=word_by_word(lambda world: world.nouns, lambda world, word: plural(word)),
        phrasings=(
            ("What is the plural of {x}?", ""),
            ("Make the nouns plural.", "nouns: {x}"),
            ("One {x}, many what?", ""),
            ("Give the plural form of each noun:", "nouns: {x}"),
        ),
        prose=(
            "the plural of {x} is {answer} .",
            "one {x} , many {answer} .",
            "with more than one , {x} turns to {answer} .",
        ),
    ),
    Family(
        name="past",
        group="words",
        draw=word_by_word(lambda world: world.verbs, lambda world, word: past(word)),
        phrasings=(
            ("What is the past tense of {x}?", ""),
            ("Put the verbs into the past.", "verbs: {x}"),
            ("Today they {x}. And yesterday?", ""),
            ("Change each verb to past tense:", "verbs: {x}"),
        ),
        prose=(
            "the past of {x} is {answer} .",
            "today they {x} , yesterday they {answer} .",
            "so {x} in the past tense : {answer} .",
        ),
    ),
    Family(
        name="translate",
        group="words",
        draw=word_by_word(lambda world: world.nouns, lambda world, word: world.foreign[word]),
        phrasings=(
            ("How do you say {x} in the island language?", ""),
            ("Translate into the island language.", "words: {x}"),
            ("What is the island word for {x}?", ""),
            ("Give the island translation of each word:", "words: {x}"),
        ),
        prose=(
            "on the island a {x} is called {answer} .",
            "the island word for {x} is {answer} .",
            "islanders say {answer} when they mean {x} .",
        ),
    ),
)
