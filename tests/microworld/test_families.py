"""Every family: right answers, phrasings that hold the whole question, prose that never looks like one."""

from __future__ import annotations

import string

import pytest

from suite.microworld.draw import Draw
from suite.microworld.families import FAMILIES, Family
from suite.microworld.lexicon import lexicon
from tests.microworld.literal_answers import literal_answer

EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@EVERY_FAMILY
@pytest.mark.parametrize("exponent", [0.0, 0.8])
def test_answers_agree_with_a_second_computation(family: Family, exponent: float) -> None:
    world = lexicon(3)
    draw = Draw("answers", exponent)
    for _ in range(400):
        problem = family.draw(world, draw)
        assert problem.answer == literal_answer(family.name, dict(problem.fields), world), problem


@EVERY_FAMILY
def test_phrasings_state_the_whole_problem(family: Family) -> None:
    fields = {name for name, _ in family.draw(lexicon(0), Draw("fields")).fields}
    assert len(family.phrasings) == 4
    assert len({instruction for instruction, _ in family.phrasings}) == 4
    for instruction, input_text in family.phrasings:
        assert places(instruction) | places(input_text) == fields
        assert family.name not in input_text.split()


@EVERY_FAMILY
def test_prose_tells_problem_and_answer(family: Family) -> None:
    fields = {name for name, _ in family.draw(lexicon(0), Draw("fields")).fields}
    for text in (*family.prose, family.note):
        assert places(text) == fields | {"answer"}


def test_names_and_groups() -> None:
    assert len(FAMILIES) >= 14
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    groups = [family.group for family in FAMILIES]
    assert {groups.count(group) for group in groups} == {4}
