"""Contamination: which questions a pool holds, against a literal form; the known cases; selections that take more."""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from suite.errors import EvaluationError, UsageError
from suite.pool import Pool, pool_from_records
from suite.pool.loading import open_pool
from suite.selection import Selection
from suite.studies import contamination_runs
from suite.studies.contamination import ContaminationOutcome, check_contamination
from suite.studies.contamination_marks import mark_selections
from suite.studies.contamination_runs import RUN, SHORTEST, Overlap, RunIndex, plain_words, shared_words
from suite.studies.contamination_sets import Asked, Question, folder_questions, track_questions
from suite.track import load_track

# Table "Overlap of pools with evals" of the data's manifest, but for BoolQ, whose passages it counted.
ALPACA_52K = {
    "alpaca_eval": (2, 805),
    "icl arc_challenge": (1, 1172),
    "math test": (1, 5000),
    "mmlu test": (7, 14042),
    "test set koala": (1, 180),
    "test set wizardlm": (1, 218),
    "tydiqa english": (1, 440),
}
OPEN_117K = ALPACA_52K | {
    "alpaca_eval": (3, 805),
    "arena_hard_v2.0": (1, 750),
    "gsm8k test": (3, 1319),
    "human_eval": (2, 164),
    "icl commonsense_qa": (390, 1221),
    "ifeval": (1, 541),
    "math test": (6, 5000),
    "mbpp": (1, 427),
    "mmlu test": (8, 14042),
    "test set vicuna": (1, 80),
    "truthfulqa": (1, 817),
    "vicuna_bench": (1, 80),
}
# Sets the manifest did not look at.
MORE = {
    "alpaca-52k": {"icl triviaqa_sm_sub": (1, 3000)},
    "open-117k": {"icl triviaqa_sm_sub": (3, 3000), "icl aqua": (2, 245)},
}
BOOLQ = {"alpaca-52k": 1, "open-117k": 33}


def words(text: str) -> list[str]:
    """The rule, literally: letters, marks and digits of the lower-cased text; all else parts words."""
    return "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text.lower()).split(" ")


def literal(questions: Sequence[str], pool: Pool) -> tuple[list[set[int]], list[bool]]:
    """For each question the rows that overlap it, and whether shared runs cover it: sets of tuples, row by row."""
    rows: list[set[int]] = [set() for _ in questions]
    covered: list[set[int]] = [set() for _ in questions]
    spoken = [[word for word in words(question) if word] for question in questions]
    for row, sample in enumerate(pool.samples()):
        fields = [text for role, text in sample.turns if role != "assistant"] or [sample.instruction, sample.input]
        parts = [[word for word in words(field) if word] for field in fields]
        told = list(itertools.chain(*parts))
        windows = {tuple(told[start : start + RUN]) for start in range(len(told) - RUN + 1)}
        for number, asked in enumerate(spoken):
            for start in range(len(asked) - RUN + 1):
                if tuple(asked[start : start + RUN]) in windows:
                    rows[number].add(row)
                    covered[number] |= set(range(start, start + RUN))
            if SHORTEST <= len(asked) < RUN and asked in parts:
                rows[number].add(row)
                covered[number] |= set(range(len(asked)))
    return rows, [bool(found) and len(found) == len(asked) for found, asked in zip(covered, spoken, strict=True)]


def check(questions: Sequence[str], pool: Pool, groups: Sequence[int] | None = None, hash_bits: int = 64) -> Overlap:
    """The fast form, checked against the literal one."""
    groups = groups or [0] * len(questions)
    found = RunIndex.of(questions, groups, hash_bits=hash_bits).scan(pool)
    rows, whole = literal(questions, pool)
    assert found.questions.tolist() == [bool(of_question) for of_question in rows]
    assert found.whole.tolist() == whole
    assert found.example.tolist() == [min(of_question, default=-1) for of_question in rows]
    for group in range(found.samples.shape[1]):
        of_group = [of_question for of_question, own in zip(rows, groups, strict=True) if own == group]
        assert set(np.flatnonzero(found.samples[:, group])) == set().union(*of_group)
    return found


def pool_of(*prompts: str | tuple[str, str]) -> Pool:
    """A pool of prompts: an instruction, or one with its input."""
    pairs = [(prompt, "") if isinstance(prompt, str) else prompt for prompt in prompts]
    return pool_from_records(
        [{"id": f"s{row}", "instruction": one, "input": two, "output": "x"} for row, (one, two) in enumerate(pairs)]
    )


def numbered(start: int, stop: int) -> str:
    return " ".join(f"w{number}" for number in range(start, stop))


def found(questions: Sequence[str], pool: Pool) -> list[bool]:
    return check(questions, pool).questions.tolist()


def test_thirteen_words_in_a_row_are_shared_and_twelve_are_not() -> None:
    pool = pool_of(f"before {numbered(0, 13)} after", f"other {numbered(20, 32)} words")
    assert found([f"Say: {numbered(0, 13)}!", f"Say: {numbered(20, 33)}!"], pool) == [True, False]


def test_case_and_punctuation_are_ignored_and_a_hyphen_parts_words() -> None:
    text = "It's a well-known FACT that Route 5 isn’t, in fact, ÉCOLE no. 7?"
    pool = pool_of(text.replace("’", "'").replace(",", " --").swapcase())
    assert found([text], pool) == [True]
    assert plain_words(text)[:5] == ["it", "s", "a", "well", "known"]


def test_marks_belong_to_words() -> None:
    """Vowel signs of Bengali and Telugu would cut every word to pieces."""
    assert plain_words("বাংলাদেশের রাজধানী, తెలుగు") == ["বাংলাদেশের", "রাজধানী", "తెలుగు"]


def test_a_question_of_six_to_twelve_words_must_be_a_whole_instruction_or_input() -> None:
    asked = "What is the meaning of life?"
    assert found([asked], pool_of(("what is THE meaning of life", "ignored"))) == [True]
    assert found([asked], pool_of(("Answer.", "What is the meaning of life"))) == [True]
    assert found([asked], pool_of("Tell me: what is the meaning of life?")) == [False]
    assert found([asked], pool_of(("what is the meaning", "of life"))) == [False]


def test_a_shorter_question_is_not_checked() -> None:
    overlap = check(["What is the meaning?", numbered(0, 6), ""], pool_of("What is the meaning?"))
    assert overlap.checked.tolist() == [False, True, False]
    assert not overlap.questions.any()


def test_a_run_may_begin_in_the_instruction_and_end_in_the_input() -> None:
    pool = pool_of((numbered(0, 7), numbered(7, 13)), numbered(0, 7), numbered(7, 13))
    assert check([numbered(0, 13)], pool).samples[:, 0].tolist() == [True, False, False]


def test_of_a_conversation_the_assistant_does_not_count() -> None:
    turns = [("user", "Hello there."), ("assistant", numbered(0, 13)), ("user", numbered(20, 27))]
    pool = pool_from_records([{"id": "c", "turns": turns}])
    assert found([numbered(0, 13), numbered(20, 27), numbered(20, 26)], pool) == [False, True, False]


def test_whole_means_every_word() -> None:
    overlap = check([numbered(0, 20), numbered(0, 21), numbered(30, 43)], pool_of(numbered(0, 20), numbered(30, 43)))
    assert overlap.whole.tolist() == [True, False, True]
    assert overlap.example.tolist() == [0, 0, 1]


def test_nothing_in_common_nothing_asked_nothing_said() -> None:
    pool = pool_of("", ("", ""), numbered(0, 40))
    assert not found([numbered(50, 80)], pool)[0]
    assert RunIndex.of([], []).scan(pool).samples.shape == (3, 0)
    assert not RunIndex.of(["too short"], [0]).scan(pool).samples.any()


def test_a_lone_surrogate_is_read() -> None:
    assert found([f"\ud800 {numbered(0, 13)}"], pool_of(numbered(0, 13))) == [True]


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    """Texts over three words: full of repeated runs."""
    lengths = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    return [
        "".join(
            draw(st.sampled_from(["a", "B", "c", "a b"])) + draw(st.sampled_from([" ", ", ", "\n"])) for _ in range(n)
        )
        for n in lengths
    ]


@given(texts(), texts(), st.sampled_from([64, 3, 1]), st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_the_index_finds_what_sets_of_tuples_find(
    questions: list[str], prompts: list[str], hash_bits: int, block: int
) -> None:
    """With one bit of hash nearly all runs collide, and what is found still only hangs on the words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contamination_runs, "BLOCK_CHARACTERS", block)
        pairs = [(prompt, prompts[number - 1] if number % 2 else "") for number, prompt in enumerate(prompts)]
        check(questions, pool_of(*pairs), [number % 3 for number in range(len(questions))], hash_bits)


def test_the_words_shown_are_shared() -> None:
    pool = pool_of(("Read this:", f"Once, {numbered(3, 20)}. The end"))
    assert shared_words(f"{numbered(0, 15)} once", pool.sample(0)) == numbered(3, 15).split()


def outcome_of(asked: Sequence[Asked], pool: Pool, **options: bool) -> ContaminationOutcome:
    return check_contamination(load_track("microworld"), pool, asked, (), **options)  # type: ignore[arg-type]


def test_passages_count_when_they_are_asked_for() -> None:
    asked = [Asked("reading", "task", (Question("q", "And so?", numbered(0, 30)), Question("r", numbered(40, 60))))]
    pool = pool_of(numbered(0, 13), numbered(40, 53))
    (without,) = outcome_of(asked, pool).rows
    assert (without.questions, without.checked, without.overlapping, without.whole) == (2, 1, 1, 0)
    outcome = outcome_of(asked, pool, passages=True)
    (row,) = outcome.rows
    assert (row.checked, row.overlapping, row.samples, outcome.overlapping_samples) == (2, 2, 2, 2)
    assert [(example.question, example.sample, example.shared, example.of) for example in row.examples] == [
        ("q", "s0", 13, 32),
        ("r", "s1", 13, 20),
    ]


@pytest.mark.parametrize(("pool", "expected"), [("alpaca-52k", ALPACA_52K), ("open-117k", OPEN_117K)])
def test_the_known_overlaps_of_real_pools_are_found(
    breadth_data: Path, pool: str, expected: dict[str, tuple[int, int]]
) -> None:
    asked, missing = folder_questions(breadth_data)
    assert not missing
    samples = open_pool(breadth_data / "pools" / f"{pool}.parquet")
    rows = outcome_of(asked, samples).rows
    counts = {row.name: (row.overlapping, row.questions) for row in rows if row.overlapping}
    assert counts == expected | MORE[pool]
    if pool == "open-117k":
        commonsense = next(row for row in rows if row.name == "icl commonsense_qa")
        assert (commonsense.whole, commonsense.samples) == (390, 390)
        assert all(example.sample.startswith("flan-cot-33k/ecqa") for example in commonsense.examples)
    boolq = [group for group in asked if group.name == "icl boolq"]
    (row,) = outcome_of(boolq, samples, passages=True).rows
    assert (row.overlapping, row.questions) == (BOOLQ[pool], 3270)


def test_every_set_of_the_folder_has_as_many_questions_as_its_manifest_says(breadth_data: Path) -> None:
    manifest = json.loads((breadth_data / "manifest.json").read_text())
    rows = {str(entry["path"]): int(str(entry["rows"])) for entry in files_of(manifest) if str(entry["rows"]).isdigit()}
    asked, _ = folder_questions(breadth_data)
    sizes = {group.name: len(group.questions) for group in asked}
    assert sizes["icl boolq"] == rows["evals/icl_multiple_choice/boolq.jsonl.gz"] == 3270
    assert sizes["alpaca_eval"] == rows["evals/alpaca_eval/text_davinci_003.json.gz"] == 805
    assert sizes["tydiqa telugu"] == rows["evals/tydiqa_goldp/telugu_dev.json.gz"]
    assert sizes["bbh"] == sum(count for path, count in rows.items() if path.startswith("evals/bbh/"))
    assert sizes["hellaswag"] == 10042
    assert sizes["mmlu test"] == 14042
    for group in asked:
        assert len({question.id for question in group.questions}) == len(group.questions), group.name


def files_of(node: object) -> Iterable[dict[str, object]]:
    """Every record of a file in the manifest, however deep it lies."""
    if isinstance(node, dict):
        if "path" in node and "rows" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from files_of(item)


def test_choices_and_passages_are_taken_off_a_question(breadth_data: Path) -> None:
    asked, _ = folder_questions(breadth_data)
    first = {group.name: group.questions[0] for group in asked}
    revolving = first["icl commonsense_qa"].text
    assert revolving.strip().endswith("serves as a security measure at a what?")
    assert first["icl boolq"].text.strip() == "does ethanol take more energy make that produces?"
    assert first["icl boolq"].passage.startswith("All biomass goes through")
    assert first["hellaswag"].text == "A man is sitting on a roof. he"
    assert first["icl siqa"].text.strip() == "What does Tracy need to do before this?"


def test_the_tasks_of_a_track(breadth_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    asked, missing = track_questions(load_track("alpaca-cpu"), lambda message: None)
    assert not missing
    assert {group.name: len(group.questions) for group in asked} == {
        "self-instruct": 252,
        "alpaca-eval-davinci": 250,
        "alpaca-eval-gpt4": 150,
        "truthfulqa": 300,
        "arc-easy": 200,
        "piqa": 200,
    }
    judged, _ = track_questions(load_track("m2m"), lambda message: None)
    assert [(group.name, len(group.questions)) for group in judged] == [("alpaca-eval-2", 805), ("arena-hard", 500)]
    some, others = track_questions(load_track("mads-15pct"), lambda message: None)
    assert [(group.name, len(group.questions)) for group in some] == [("humaneval", 164), ("alpaca-eval", 805)]
    assert [one.name for one in others] == ["mmlu", "gsm8k", "bbh", "tydiqa"]
    assert "--evals" in others[0].reason


@pytest.mark.parametrize(
    ("file", "content", "rule"),
    [
        ("mt_bench/question.jsonl", b'{"turns": "one"}\n', "line 1: 'turns' must be a list of texts"),
        ("bbh/navigate.json", b"[]", "a JSON object is wanted"),
        ("bbh/navigate.json", b'{"examples": [{}]}', "example 0: 'input' must be a text"),
        ("mmlu/mmlu.zip", b"not a zip", "no archive of MMLU"),
        ("hellaswag/hellaswag_val_full.txt.bz2", b"not bz2", "no whole .bz2 file"),
        ("ifeval/input_data.jsonl.gz", b"not gzip", "no whole .gz file"),
        (
            "icl_multiple_choice/winogrande.jsonl",
            b'{"context_options": ["a"], "gold": 1}\n',
            "'gold' must be a position",
        ),
        ("tydiqa_goldp/english_dev.json", b'{"data": [{"paragraphs": [{}]}]}', "'context' must be a text"),
    ],
)
def test_a_broken_set_is_named(tmp_path: Path, file: str, content: bytes, rule: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=rule) as caught:
        folder_questions(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no known evaluation set"):
        folder_questions(tmp_path)


def selection(rows: Sequence[int] | np.ndarray, name: str = "picks") -> tuple[str, Selection]:
    picked = np.asarray(rows, dtype=np.int64)
    return name, Selection(name, picked, tuple(map(str, picked)), "pool", len(picked))


def test_p_is_the_share_of_draws_that_hold_as_many() -> None:
    """By counting every draw of 4 rows of 9."""
    overlapping = np.zeros(9, dtype=bool)
    overlapping[:3] = True
    draws = [sum(row < 3 for row in draw) for draw in itertools.combinations(range(9), 4)]
    assert len(draws) == comb(9, 4)
    for held, rows in enumerate(([5, 6, 7, 8], [0, 6, 7, 8], [0, 1, 7, 8], [0, 1, 2, 8])):
        (mark,) = mark_selections([selection(rows)], overlapping)
        assert mark.overlapping == held
        assert mark.p == mark.p_holm == pytest.approx(np.mean([draw >= held for draw in draws]))
        assert mark.expected == pytest.approx(np.mean(draws))
        assert mark.low <= mark.share <= mark.high


def test_only_the_selection_that_takes_more_is_marked() -> None:
    rng = np.random.default_rng(3)
    overlapping = np.zeros(5000, dtype=bool)
    overlapping[rng.permutation(5000)[:100]] = True
    drawn = [selection(rng.permutation(5000)[:500], f"draw {number}") for number in range(5)]
    greedy = selection(np.concatenate([np.flatnonzero(overlapping)[:30], np.flatnonzero(~overlapping)[:470]]), "greedy")
    shy = selection(np.flatnonzero(~overlapping)[:500], "shy")
    marks = mark_selections([*drawn, greedy, shy], overlapping)
    assert [mark.name for mark in marks if mark.marked] == ["greedy"]
    table = [[30, 470], [70, 4430]]
    assert marks[5].p == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    assert marks[5].p_holm == pytest.approx(7 * marks[5].p)
    assert marks[6].p == 1.0


def test_a_row_that_is_repeated_is_one_draw() -> None:
    overlapping = np.arange(1000) < 50
    once = mark_selections([selection([0, 1, *range(500, 598)])], overlapping)[0]
    often = mark_selections([selection([0, 1, *range(500, 598)] * 10)], overlapping)[0]
    assert (often.picks, often.different) == (1000, 100)
    assert often.p == once.p
    assert mark_selections([], overlapping) == ()


def test_where_nothing_overlaps_nothing_is_marked() -> None:
    (mark,) = mark_selections([selection(range(10))], np.zeros(100, dtype=bool))
    assert (mark.p, mark.marked, mark.share, mark.low) == (1.0, False, 0.0, 0.0)


def test_random_draws_are_marked_rarely() -> None:
    """Holm over ten draws a table: at most 5 % of tables hold a mark, and rounding of counts makes it fewer."""
    rng = np.random.default_rng(5)
    overlapping = np.arange(2000) < 60
    tables = [
        any(
            mark.marked
            for mark in mark_selections([selection(rng.permutation(2000)[:200]) for _ in range(10)], overlapping)
        )
        for _ in range(200)
    ]
    assert np.mean(tables) < 0.08
