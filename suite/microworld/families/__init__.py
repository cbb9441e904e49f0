"""The skill families of the microworld."""

from suite.microworld.families.family import Family, Group, Problem
from suite.microworld.families.lists import LISTS
from suite.microworld.families.numbers import NUMBERS
from suite.microworld.families.records import RECORDS
from suite.microworld.families.words import WORDS

FAMILIES: tuple[Family, ...] = (*WORDS, *NUMBERS, *LISTS, *RECORDS)

__all__ = ["FAMILIES", "Family", "Group", "Problem"]
