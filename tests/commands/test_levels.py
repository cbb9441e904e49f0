"""`breadth levels` and `breadth select` with an embedder and a tokenizer of one's own."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tiny_track import TINY, whole_command

TWO = "micro-response:rare=2,match_length=true;macro-instruction:min_cluster_size=61"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_command_selects_stores_and_measures(tmp_path: Path) -> None:
    call = ["levels", "--track", str(TINY), "--tokenizer", "words", "--strategies", TWO, "--levels", "3"]
    call += ["--metrics", "ttr", "-o", str(tmp_path / "out")]
    planned = whole_command(*call, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "14 selections, 0 of them made before; 8 values to measure, at budget 8" in planned.stdout
    assert not (tmp_path / "out").exists()
    done = whole_command(*call)
    assert done.returncode == 0, done.stderr
    assert "8 of 14 selections lie in" in done.stdout
    assert "6 could not be made" in done.stdout
    rows = read(tmp_path / "out" / "levels.csv")
    assert len(rows) == 14
    for row in rows:
        assert bool(row["problem"]) == (row["types_kept"] == "" and row["strategy"] != "random")
        assert bool(row["ttr"]) == (row["budget"] == "8" and not row["problem"])
        assert (tmp_path / "out" / (row["selection"] or "absent")).is_file() == (not row["problem"])
    (moved,) = read(tmp_path / "out" / "movement.csv")
    change = float(moved["value_at_highest"]) - float(moved["value_at_lowest"])
    assert float(moved["change"]) == pytest.approx(change)
    assert float(moved["change_in_random_deviations"]) == pytest.approx(change / float(moved["random_deviation"]))
    page = (tmp_path / "out" / "levels.md").read_text()
    assert r"| micro-response:match\_length=true,rare=2 | 8 | 0.50 |" in page
    assert r"| macro-instruction:min\_cluster\_size=61 | 15 | 1.00 | not selected (" in page
    assert "1. macro-instruction:" in page
    assert "| ttr | high | 0.00 to 1.00 |" in page
    assert str(tmp_path) not in page
    assert "14 selections, 8 of them made before" in whole_command(*call, "--dry-run").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategies", "random"), "'random' has no levels of diversity"),
        (("--strategies", ","), "names no strategy"),
        (("--levels", "1"), "--levels must be at least 2"),
        (("--budget", "9"), "not one of track tiny"),
        (("--metrics", "ttl"), "no metric 'ttl'"),
        (("--metrics", ","), "names no metric"),
        (("--tokenizer", "no/such/folder/"), "no/such/folder"),
    ],
)
def test_a_mistake_gets_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    done = whole_command("levels", "--track", str(TINY), *arguments)
    assert done.returncode != 0
    assert done.stderr.count("Error:") == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr


def test_selecting_with_an_embedder_and_a_tokenizer_of_ones_own(tmp_path: Path) -> None:
    call = ["select", "micro-response:rare=2", "--track", str(TINY), "-o", str(tmp_path / "picks.json")]
    done = whole_command(*call, "--tokenizer", "words", "--embedder", "tfidf-svd?dimensions=4")
    assert done.returncode == 0, done.stderr
    assert "picked 8 of 60 samples" in done.stdout
    wrong = whole_command("select", "k-center", "--track", str(TINY), "--tokenizer", "words", "--embedder", "tfidf")
    assert "no embedder 'tfidf'" in wrong.stderr
