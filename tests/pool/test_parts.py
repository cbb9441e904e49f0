"""Source files of the parts of open-117k: each layout becomes the rows it should, and the list of files is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import PoolError
from suite.pool.parts import LAYOUTS, parse, part_records, parts

PAIR = {"instruction": "Add.", "input": "1 2", "output": "3"}


def parsed(tmp_path: Path, layout: str, content: Any, name: str = "set.json") -> list[dict[str, str]]:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
    return list(parse("part", layout, path))


def test_pairs_keep_row_numbers_and_drop_empty_outputs(tmp_path: Path) -> None:
    content = [PAIR, {**PAIR, "output": " \n"}, {"instruction": "Say a word.", "response": "word"}]
    assert parsed(tmp_path, "pairs", content) == [
        {"id": "part/00000", **PAIR, "source": "part"},
        {"id": "part/00002", "instruction": "Say a word.", "input": "", "output": "word", "source": "part"},
    ]


def test_dolly_takes_the_category_as_source(tmp_path: Path) -> None:
    assert parsed(tmp_path, "dolly", [{**PAIR, "category": "open_qa"}])[0]["source"] == "part/open_qa"


def test_lima_leaves_out_conversations(tmp_path: Path) -> None:
    rows = parsed(tmp_path, "lima", [{**PAIR, "history": [["a", "b"]]}, {**PAIR, "history": []}])
    assert [row["id"] for row in rows] == ["part/0001"]


def test_seeds_take_the_first_instance(tmp_path: Path) -> None:
    seed = {"id": "seed_task_7", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}, {"x": 1}]}
    # U+2028 ends no line of a jsonl file.
    text = json.dumps(seed) + "\n" + json.dumps({**seed, "instruction": "A\u2028B"}, ensure_ascii=False) + "\n"
    rows = parsed(tmp_path, "seeds", text, "seeds.jsonl")
    assert rows[0] == {"id": "part/seed_task_7", **PAIR, "source": "part"}
    assert rows[1]["instruction"] == "A\u2028B"


def test_rounds_are_numbered_by_their_file(tmp_path: Path) -> None:
    row = parsed(tmp_path, "rounds", [PAIR], "evol-codealpaca-2k-2.json")[0]
    assert (row["id"], row["source"]) == ("part/2-00000", "part/round2")


def test_flan_puts_the_answer_after_its_rationale(tmp_path: Path) -> None:
    text = "How many?\\nOptions:\\n(A) 1\t(A)\tOne\u2028is one.\nNext?\tyes\tBecause.\n"
    assert parsed(tmp_path, "flan", text, "aqua_train.tsv")[0] == {
        "id": "part/aqua-00000",
        "instruction": "How many?\nOptions:\n(A) 1",
        "input": "",
        "output": "One\u2028is one.\nThe answer is (A).",
        "source": "flan-cot/aqua",
    }


def test_templates_lose_their_end_token(tmp_path: Path) -> None:
    lines = [{"prompt": "Q?\n", "completion": " yes<|endoftext|>"}, {"prompt": "Q?", "completion": "<|endoftext|>"}]
    rows = parsed(tmp_path, "templates", "\n".join(map(json.dumps, lines)), "rte_mean.jsonl")
    assert rows == [
        {
            "id": "part/rte_mean-000",
            "instruction": "Q?",
            "input": "",
            "output": "yes",
            "source": "part/rte_mean",
        }
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_another_layout_is_named(tmp_path: Path, layout: str) -> None:
    with pytest.raises(PoolError, match=r"set-1\.json is not laid out as a source of part"):
        parsed(tmp_path, layout, '[{"unknown": 1}]', "set-1.json")


def test_the_list_of_sources_is_pinned_and_whole() -> None:
    listed = parts()
    assert list(listed)[-1] == "t0-55k"
    assert len(listed) == 11
    assert len(listed["t0-55k"].files) == 283
    for part in listed.values():
        assert part.layout in LAYOUTS
        for source in part.sources():
            assert len(part.commit) == 40
            assert f"/{part.repository}/{part.commit}/" in source.url
            assert source.sha256


def test_records_come_in_file_order_whichever_download_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    files = {}
    for number in range(12):
        content = json.dumps([{**PAIR, "input": str(number)}]).encode()
        path = tmp_path / "sources" / "owner" / "name" / ("0" * 40) / f"set-{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files[path.name] = hashlib.sha256(content).hexdigest()
    part = parts()["evol-code-4k"]._replace(name="mine", repository="owner/name", commit="0" * 40, files=files)
    steps: list[int] = []
    rows = part_records(part, notify=lambda message: None, progress=lambda done, total: steps.append(done))
    assert [row["input"] for row in rows] == [str(number) for number in range(12)]
    assert max(steps) == 12
