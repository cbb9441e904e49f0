"""Readers of evaluation files: every layout, every way a file can break it, and the real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import EvaluationError, UsageError
from suite.evaluation.formats import read_items, subsample
from suite.evaluation.protocol import Item
from suite.sources import fetch
from suite.track import Source


def written(folder: Path, *records: object) -> Path:
    """A jsonl file of `records`."""
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_self_instruct_gives_an_item_for_each_instance(tmp_path: Path) -> None:
    instances = [{"input": "a", "output": "b "}, {"input": "", "output": "c"}]
    path = written(tmp_path, {"id": "task_0", "instruction": " Do. ", "instances": instances})
    assert read_items(path, "self-instruct") == (
        Item("task_0/0", "Do.", "a", "b"),
        Item("task_0/1", "Do.", "", "c"),
    )


def test_alpaca_eval_reads_an_array(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    unanswered = {"instruction": "What?", "output": ""}
    path.write_text(json.dumps([unanswered, {"instruction": "Why?", "output": "Because."}]), encoding="utf-8")
    assert read_items(path, "alpaca-eval") == (Item("1", "Why?", "", "Because."),)


def test_gsm8k_loses_the_calculator_marks(tmp_path: Path) -> None:
    path = written(tmp_path, {"question": "2 + 2?", "answer": "2 + 2 = <<2+2=4>>4\n#### 4"})
    assert read_items(path, "gsm8k")[0].reference == "2 + 2 = 4\n#### 4"


def test_truthfulqa_reads_quoted_fields(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text('Type,Question,Best Answer\nA,"Is it, ""so""?","No, not\nso"\n', encoding="utf-8")
    assert read_items(path, "truthfulqa") == (Item("0", 'Is it, "so"?', "", "No, not\nso"),)


def test_gauntlet_takes_the_gold_choice_as_reference(tmp_path: Path) -> None:
    ambiguous = {"query": "Which?", "choices": ["this", "this"], "gold": 1}
    path = written(tmp_path, ambiguous, {"query": "Question: Which?\n", "choices": ["this", "that"], "gold": 1})
    assert read_items(path, "gauntlet") == (Item("1", "Which?", "", "that", ("this", "that")),)


@pytest.mark.parametrize(
    ("layout", "record", "rule"),
    [
        ("gauntlet", {"query": "q", "choices": ["a"], "gold": 0}, "at least two"),
        ("gauntlet", {"query": "q", "choices": ["a", "b"], "gold": 2}, "'gold' must be a position"),
        ("gauntlet", {"query": "q", "choices": ["a", "b"], "gold": True}, "'gold' must be a position"),
        ("gauntlet", {"query": "", "choices": ["a", "b"], "gold": 0}, "'query' is empty"),
        ("gsm8k", {"question": "q"}, "'answer' must be a text"),
        ("gsm8k", ["q"], "JSON object"),
        ("self-instruct", {"id": "x", "instruction": "i", "instances": []}, "'instances'"),
        ("self-instruct", {"id": "x", "instruction": "i", "instances": [{"input": ""}]}, "instance 0: 'output'"),
    ],
)
def test_a_wrong_record_is_named_by_file_and_line(tmp_path: Path, layout: str, record: object, rule: str) -> None:
    good = {
        "gauntlet": {"query": "q", "choices": ["a", "b"], "gold": 0},
        "gsm8k": {"question": "q", "answer": "a"},
        "self-instruct": {"id": "first", "instruction": "i", "instances": [{"input": "", "output": "o"}]},
    }[layout]
    path = written(tmp_path, good, record)
    with pytest.raises(EvaluationError, match=rule) as caught:
        read_items(path, layout)
    assert f"{path}, line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "content", "place"),
    [
        ("gsm8k", b'{"question": "q", "answer": "a"}\n{"question"\n', "line 2: broken JSON"),
        ("gsm8k", b'{"question": "q", "answer": "a"}\n\n{"question": "\xff"}\n', "line 3: not UTF-8"),
        ("gsm8k", b"", "holds no items"),
        ("alpaca-eval", b'[\n{"instruction": "i",\n', "line 3: broken JSON"),
        ("alpaca-eval", b"{}", "JSON array"),
        ("alpaca-eval", b'[{"instruction": "i"}]', "entry 0: 'output'"),
        ("truthfulqa", b"Question,Best Answer\nwhy?,because\nhow?\n", "line 3: 'Best Answer'"),
        ("truthfulqa", b'Question,Best Answer\n"why?"x,because\n', "line 2: broken csv"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, layout: str, content: bytes, place: str) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=place) as caught:
        read_items(path, layout)
    assert str(path) in str(caught.value)


def test_ids_must_be_unique(tmp_path: Path) -> None:
    record = {"id": "x", "instruction": "i", "instances": [{"input": "", "output": "o"}]}
    with pytest.raises(EvaluationError, match="'x/0' stands twice"):
        read_items(written(tmp_path, record, record), "self-instruct")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gauntlet"):
        read_items(tmp_path / "any", "gauntlets")


@given(st.sets(st.text(max_size=5), min_size=1, max_size=30), st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_subsample_hangs_on_ids_alone(ids: set[str], limit: int, random) -> None:  # type: ignore[no-untyped-def]
    items = [Item(identifier, "instruction") for identifier in sorted(ids)]
    drawn = subsample(items, limit, "task")
    random.shuffle(items)
    assert subsample(items, limit, "task") == drawn
    assert len(drawn) == min(limit, len(items))
    assert subsample(items, limit + 1, "task")[: len(drawn)] == drawn


def test_tasks_over_the_same_questions_draw_different_ones() -> None:
    items = [Item(str(number), "instruction") for number in range(805)]
    first, second = subsample(items, 100, "one"), subsample(items, 100, "another")
    assert len({item.id for item in first} & {item.id for item in second}) < 40
    assert subsample(items, None, "one") == tuple(items)


@pytest.mark.parametrize(
    ("file", "layout", "count"),
    [
        ("instruct_test_sets/sinstruct.jsonl", "self-instruct", 252),
        ("alpaca_eval/text_davinci_003.json", "alpaca-eval", 803),
        ("truthfulqa/TruthfulQA.csv", "truthfulqa", 817),
        ("gsm8k/test.jsonl", "gsm8k", 1319),
        ("icl_multiple_choice/arc_easy.jsonl", "gauntlet", 2369),
        ("icl_multiple_choice/piqa.jsonl", "gauntlet", 1838),
    ],
)
def test_real_files_are_read_whole(
    breadth_data: Path, monkeypatch: pytest.MonkeyPatch, file: str, layout: str, count: int
) -> None:
    monkeypatch.setenv("BREADTH_DATA", str(breadth_data))
    items = read_items(fetch(Source(local=f"evals/{file}"), notify=lambda message: None), layout)
    assert len(items) == count
    assert all(item.instruction and item.reference for item in items)
