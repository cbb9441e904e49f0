"""Contamination against its literal form, sets of tuples: in CPU time, in turns, in one process, on one thread."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from alternating import compare, peak_bytes
from pytest_benchmark.fixture import BenchmarkFixture

from suite.pool.loading import open_pool
from suite.pool.pool import pool_from_records
from suite.studies.contamination_runs import RUN, SHORTEST, RunIndex
from suite.studies.contamination_sets import folder_questions

pytestmark = pytest.mark.benchmark(timer=time.process_time)
WORD = re.compile(r"[^\W_]+")


def literal(questions: list[str], prompts: list[tuple[str, str]]) -> list[bool]:
    """Which questions overlap a prompt: every run of the questions as a tuple in a dictionary of sets."""
    asked = [WORD.findall(question.lower()) for question in questions]
    known: dict[tuple[str, ...], set[int]] = {}
    wholes: dict[tuple[str, ...], set[int]] = {}
    for number, words in enumerate(asked):
        for start in range(len(words) - RUN + 1):
            known.setdefault(tuple(words[start : start + RUN]), set()).add(number)
        if SHORTEST <= len(words) < RUN:
            wholes.setdefault(tuple(words), set()).add(number)
    overlapping: set[int] = set()
    for prompt in prompts:
        fields = [WORD.findall(text.lower()) for text in prompt]
        words = fields[0] + fields[1]
        for start in range(len(words) - RUN + 1):
            overlapping |= known.get(tuple(words[start : start + RUN]), set())
        for field in fields:
            overlapping |= wholes.get(tuple(field), set())
    return [number in overlapping for number in range(len(questions))]


def test_all_sets_against_sets_of_tuples(benchmark: BenchmarkFixture, breadth_data: Path) -> None:
    """The English sets of data/evals and 20,000 samples of the 117k pool, reading of files apart."""
    asked, _ = folder_questions(breadth_data)
    # A regular expression knows no marks, which scripts of other languages are full of.
    english = [group for group in asked if not group.name.startswith("tydiqa")]
    questions = [question.text for group in english for question in group.questions]
    whole = open_pool(breadth_data / "pools" / "open-117k.parquet")
    rows = np.sort(np.random.default_rng(0).permutation(len(whole))[:20_000])
    samples = list(whole.samples(rows))
    pool = pool_from_records(
        [{"id": one.id, "instruction": one.instruction, "input": one.input, "output": "x"} for one in samples]
    )
    prompts = [(one.instruction, one.input) for one in samples]

    ours, theirs = compare(
        benchmark,
        lambda: RunIndex.of(questions, [0] * len(questions)).scan(pool).questions.tolist(),
        lambda: literal(questions, prompts),
        floor=3,
        rounds=1,
        peer="sets of tuples",
    )
    assert ours == theirs
    assert sum(ours) > 50


def test_memory_does_not_grow_with_the_pool(benchmark: BenchmarkFixture) -> None:
    """200,000 samples of 1,000 characters against 2,000: the texts alone would be 200 MB."""
    program = (
        "from suite.pool.pool import Sample\n"
        "from suite.studies.contamination_runs import RunIndex\n"
        "class Endless:\n"
        "    def __len__(self): return {size}\n"
        "    def samples(self):\n"
        "        for row in range({size}):\n"
        "            yield Sample(str(row), ' '.join(str(row + n) for n in range(150)), '', '', '')\n"
        "questions = [' '.join(str(n + m) for m in range(20)) for n in range(0, 2000, 5)]\n"
        "assert RunIndex.of(questions, [0] * 400).scan(Endless()).questions.all()\n"
    )
    small = peak_bytes(program.format(size=2_000))
    large = benchmark.pedantic(peak_bytes, args=(program.format(size=200_000),), rounds=1)
    benchmark.extra_info["more_megabytes"] = round((large - small) / 1e6)
    print(f"\n{benchmark.name}: {(large - small) / 1e6:.0f} MB more")
    assert large - small < 60e6
