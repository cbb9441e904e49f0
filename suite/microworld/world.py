"""A world from a seed: its pool of samples, its held-out tasks, and the text its base model is pretrained on.

The pool is heavy-tailed over skill families and over operands, so that many of its samples repeat an earlier one
exactly; it holds near duplicates and a few wrong answers, and never names a family. The held-out items are even
over the families, so coverage is rewarded by design. Everything is a pure function of the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from suite.microworld.compositions import COMPOSITIONS
from suite.microworld.draw import Draw
from suite.microworld.families import FAMILIES, Family, Problem
from suite.microworld.lexicon import DAYS, HIGHEST_NUMBER, Lexicon, lexicon

FAMILY_EXPONENT = 1.4
OPERAND_EXPONENT = 0.6
NEAR_DUPLICATES = 0.08
WRONG_ANSWERS = 0.03
ITEMS_PER_FAMILY = 25
ITEMS_PER_COMPOSITION = 12
LINES_PER_TEXT = 4
STORY_SHARE = 0.04
QUESTION_SHARE = 0.06
NOTEBOOK_SHARE = 0.5
NOTES_PER_LINE = 4
SENTENCES_PER_LINE = 2
PRACTICE = tuple(family for family in FAMILIES for _ in range(family.practice))
STORIES = (
    "one day {person} the {job} went to {town} with a {colour} {noun} .",
    "in {town} {person} saw {number} {adjective} things and a {noun} .",
    "then {person} will {verb} in {town} on {day} .",
    "a {adjective} {noun} and a {colour} {other} were in the house of {person} .",
)


@dataclass(frozen=True)
class HeldOutItem:
    """One question of an evaluation: what is asked and the reference response."""

    instruction: str
    input: str
    output: str
    family: str


@dataclass(frozen=True)
class _Row:
    instruction: str
    input: str
    output: str
    family: int


@dataclass(frozen=True)
class World:
    """The embedded world of one seed; see the module's docstring."""

    seed: int

    @cached_property
    def lexicon(self) -> Lexicon:
        """Words and facts of this world."""
        return lexicon(self.seed)

    @cached_property
    def _held_out(self) -> tuple[dict[str, list[HeldOutItem]], set[tuple[str, Problem]]]:
        tasks: dict[str, list[HeldOutItem]] = {}
        reserved: set[tuple[str, Problem]] = set()
        for family in FAMILIES:
            draw = Draw(f"microworld held out {self.seed} {family.name}")
            items = tasks.setdefault(family.group, [])
            drawn = 0
            while drawn < ITEMS_PER_FAMILY:
                problem = family.draw(self.lexicon, draw)
                if (family.name, problem) not in reserved:
                    reserved.add((family.name, problem))
                    items.append(_item(problem, family.phrasings[drawn % len(family.phrasings)], family.name))
                    drawn += 1
        for composition in COMPOSITIONS:
            draw = Draw(f"microworld held out {self.seed} {composition.name}")
            problems: list[Problem] = []
            while len(problems) < ITEMS_PER_COMPOSITION:
                if (problem := composition.draw(self.lexicon, draw)) not in problems:
                    problems.append(problem)
            items = tasks.setdefault("compositional", [])
            items.extend(_item(problem, composition.phrasing, composition.name) for problem in problems)
        return tasks, reserved

    def tasks(self) -> dict[str, list[HeldOutItem]]:
        """Held-out items by group (words, numbers, lists, records, compositional), even over the families.

        No problem of these occurs in the pool, under any phrasing.
        """
        return {group: list(items) for group, items in self._held_out[0].items()}

    @lru_cache(maxsize=4)  # noqa: B019 - a world is a small frozen value, its pools are asked for a few times
    def _rows(self, size: int) -> list[_Row]:
        draw = Draw(f"microworld pool {self.seed}", OPERAND_EXPONENT)
        by_family = Draw(f"microworld families {self.seed}", FAMILY_EXPONENT)
        order = by_family.shuffled(range(len(FAMILIES)))
        fresh: list[_Row] = []
        near = round(NEAR_DUPLICATES * size)
        while len(fresh) < size - near:
            index = by_family.one(order)
            fresh.append(self._fresh(FAMILIES[index], index, draw))
        return draw.shuffled([*fresh, *(_reworded(draw.even(fresh), draw) for _ in range(near))])

    def _fresh(self, family: Family, index: int, draw: Draw) -> _Row:
        problem = family.draw(self.lexicon, draw)
        while (family.name, problem) in self._held_out[1]:
            problem = family.draw(self.lexicon, draw)
        instruction, input_text = draw.even(family.phrasings)
        answer = problem.answer
        if draw.chance(WRONG_ANSWERS):
            while answer == problem.answer:
                answer = family.draw(self.lexicon, draw).answer
        return _Row(problem.fill(instruction), problem.fill(input_text), answer, index)

    def pool_samples(self, size: int) -> list[dict[str, str]]:
        """The pool's records: id (row number), instruction, input, output and a constant source."""
        return [
            {
                "id": str(number),
                "instruction": row.instruction,
                "input": row.input,
                "output": row.output,
                "source": "microworld",
            }
            for number, row in enumerate(self._rows(size))
        ]

    def hidden_families(self, size: int) -> np.ndarray:
        """Family numbers of the rows of `pool_samples(size)`, shape (size,), int64: for the oracle alone."""
        return np.asarray([row.family for row in self._rows(size)], dtype=np.int64)

    def pretraining_texts(self, count: int) -> Iterator[str]:
        """`count` short unlabelled texts of four lines: notebooks and prose on every family, and stories."""
        draw = Draw(f"microworld pretraining {self.seed}")
        for _ in range(count):
            yield "\n".join(self._line(draw) for _ in range(LINES_PER_TEXT))

    def _line(self, draw: Draw) -> str:
        if draw.chance(STORY_SHARE):
            return self._story(draw)
        family = draw.even(PRACTICE)
        if draw.chance(QUESTION_SHARE):
            return " ".join(family.draw(self.lexicon, draw).fill(part) for part in draw.even(family.phrasings))
        if draw.chance(NOTEBOOK_SHARE):
            notes = (family.draw(self.lexicon, draw).fill(family.note) for _ in range(NOTES_PER_LINE))
            return f"{family.name} : " + " ; ".join(notes)
        sentences = (family.draw(self.lexicon, draw).fill(draw.even(family.prose)) for _ in range(SENTENCES_PER_LINE))
        return " ".join(sentences)

    def _story(self, draw: Draw) -> str:
        words = self.lexicon
        noun, other = draw.several(words.nouns, 2)
        return draw.even(STORIES).format(
            person=draw.even(words.people),
            job=draw.even(words.jobs),
            town=draw.even(words.towns),
            colour=draw.even(words.colours),
            adjective=draw.even(words.adjectives),
            verb=draw.even(words.verbs),
            number=draw.between(2, HIGHEST_NUMBER),
            day=draw.even(DAYS.split()),
            noun=noun,
            other=other,
        )


def world(seed: int) -> World:
    """The world of a seed."""
    return World(seed)


def _item(problem: Problem, phrasing: tuple[str, str], family: str) -> HeldOutItem:
    instruction, input_text = phrasing
    return HeldOutItem(problem.fill(instruction), problem.fill(input_text), problem.answer, family)


def _reworded(row: _Row, draw: Draw) -> _Row:
    """The same question, its instruction changed in case, in punctuation or in both."""
    change = draw.below(3)
    instruction = row.instruction.rstrip("?.:") if change else row.instruction
    return replace(row, instruction=instruction.lower() if change != 1 else instruction)
