"""The world as a whole: determinism, shape of the pool, and held-out items that the pool does not hold."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from suite.microworld import World, world
from suite.microworld.families import FAMILIES
from suite.microworld.world import ITEMS_PER_FAMILY, NEAR_DUPLICATES, WRONG_ANSWERS
from tests.microworld.literal_answers import literal_answer

SIZE = 8000
REPEATED_SHARE = (0.25, 0.5)


@pytest.fixture(scope="module")
def pool() -> list[dict[str, str]]:
    return world(1).pool_samples(SIZE)


def test_a_seed_gives_one_world(pool: list[dict[str, str]]) -> None:
    again = World(1)
    assert again.pool_samples(SIZE) == pool
    assert again.tasks() == world(1).tasks()
    texts = world(1).pretraining_texts(50)
    assert list(texts) == list(World(1).pretraining_texts(50))


def test_another_seed_gives_another_world(pool: list[dict[str, str]]) -> None:
    other = world(2)
    shared = {sample["instruction"] + sample["input"] for sample in pool} & {
        sample["instruction"] + sample["input"] for sample in other.pool_samples(SIZE)
    }
    assert len(shared) < SIZE / 3
    assert other.lexicon.home != world(1).lexicon.home
    assert other.tasks() != world(1).tasks()


def test_records_hide_their_family(pool: list[dict[str, str]]) -> None:
    assert [sample["id"] for sample in pool] == [str(row) for row in range(SIZE)]
    assert {sample["source"] for sample in pool} == {"microworld"}
    assert all(
        sample["output"] and set(sample) == {"id", "instruction", "input", "output", "source"} for sample in pool
    )
    families = world(1).hidden_families(SIZE)
    # Neither rows nor ids tell the family: halves of the pool hold the families alike.
    first, second = (np.bincount(half, minlength=len(FAMILIES)) / len(half) for half in np.split(families, 2))
    assert np.abs(first - second).max() < 0.03


def test_families_are_heavy_tailed() -> None:
    counts = np.sort(np.bincount(world(1).hidden_families(SIZE), minlength=len(FAMILIES)))[::-1]
    assert counts[-1] > 0
    assert counts[0] > 20 * counts[-1]
    assert counts[:4].sum() > 0.6 * SIZE
    assert counts[-8:].sum() < 0.15 * SIZE


def test_operands_are_heavy_tailed(pool: list[dict[str, str]]) -> None:
    words = Counter(word for sample in pool for word in sample["output"].split() if word in world(1).lexicon.towns)
    counts = sorted(words.values(), reverse=True)
    assert counts[0] > 2 * counts[-1]


@pytest.mark.parametrize("seed", [1, 2])
def test_repeats_and_near_duplicates_have_the_stated_shares(seed: int) -> None:
    samples = world(seed).pool_samples(SIZE)
    prompts = Counter((sample["instruction"], sample["input"]) for sample in samples)
    repeated = 1 - len(prompts) / SIZE
    assert REPEATED_SHARE[0] < repeated < REPEATED_SHARE[1]
    # Every phrasing begins with a capital; two in three near duplicates are written small.
    small = sum(sample["instruction"][0].islower() for sample in samples)
    assert small == pytest.approx(NEAR_DUPLICATES * SIZE * 2 / 3, rel=0.15)


def test_wrong_answers_have_the_stated_share() -> None:
    """Rows are matched to problems by trying every phrasing of their family on fresh draws."""
    small = world(1)
    rows = small.pool_samples(SIZE)
    families = small.hidden_families(SIZE)
    right = _right_answers(small)
    checked = [
        sample["output"] == right[prompt]
        for sample, family in zip(rows, families, strict=True)
        if (prompt := (int(family), sample["instruction"], sample["input"])) in right
    ]
    assert len(checked) > 2000
    assert 1 - np.mean(checked) == pytest.approx(WRONG_ANSWERS, abs=0.012)


def _right_answers(world_: World) -> dict[tuple[int, str, str], str]:
    from suite.microworld.draw import Draw

    answers = {}
    draw = Draw("right answers", 0.8)
    for number, family in enumerate(FAMILIES):
        for _ in range(6000):
            problem = family.draw(world_.lexicon, draw)
            answer = literal_answer(family.name, dict(problem.fields), world_.lexicon)
            for instruction, input_text in family.phrasings:
                answers[number, problem.fill(instruction), problem.fill(input_text)] = answer
    return answers


@pytest.mark.parametrize("seed", [1, 5])
def test_no_held_out_question_is_in_the_pool(seed: int) -> None:
    prompts = {_plain(sample["instruction"], sample["input"]) for sample in world(seed).pool_samples(SIZE)}
    for group, items in world(seed).tasks().items():
        for item in items:
            assert _plain(item.instruction, item.input) not in prompts, group


def test_held_out_problems_are_not_in_the_pool_under_any_phrasing() -> None:
    small = world(1)
    prompts = {(sample["instruction"], sample["input"]) for sample in small.pool_samples(SIZE)}
    _, reserved = small._held_out
    by_name = {family.name: family for family in FAMILIES}
    assert len(reserved) == ITEMS_PER_FAMILY * len(FAMILIES)
    for name, problem in reserved:
        for instruction, input_text in by_name[name].phrasings:
            assert (problem.fill(instruction), problem.fill(input_text)) not in prompts


def test_held_out_items_are_even_over_families() -> None:
    tasks = world(1).tasks()
    assert set(tasks) == {"words", "numbers", "lists", "records", "compositional"}
    for group in ("words", "numbers", "lists", "records"):
        assert set(Counter(item.family for item in tasks[group]).values()) == {ITEMS_PER_FAMILY}
    assert len(set(Counter(item.family for item in tasks["compositional"]).values())) == 1


def test_pretraining_text_holds_no_instruction_with_its_answer() -> None:
    small = world(1)
    text = "\n".join(small.pretraining_texts(3000))
    for items in small.tasks().values():
        for item in items:
            prompt = f"{item.instruction} {item.input}".strip()
            assert f"{prompt} {item.output}\n" not in text
            assert f"{prompt}\n{item.output}\n" not in text


def _plain(instruction: str, input_text: str) -> str:
    return f"{instruction.lower().rstrip('?.:')}\n{input_text}"
