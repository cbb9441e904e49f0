"""`breadth overlap`: the whole command, its formats, figures and refusals."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from tiny_track import TINY, whole_command

STRATEGIES = "random;k-center;k-means:clusters=4;published:set=car"


def breadth(*arguments: str) -> subprocess.CompletedProcess[str]:
    return whole_command("overlap", "--track", str(TINY), "--strategies", STRATEGIES, *arguments)


def test_every_format_says_the_same_and_the_outcome_is_kept(own_home: Path) -> None:
    written = breadth("--format", "json", "--budget", "8", "--budget", "25%")
    assert written.returncode == 0, written.stderr
    outcome = json.loads(written.stdout)
    assert json.loads((own_home / "store" / "studies" / "tiny" / "overlap.json").read_text()) == outcome
    assert [table["budget"] for table in outcome["tables"]] == [8, 15]
    rows = list(csv.DictReader(breadth("--format", "csv", "--no-map").stdout.splitlines()))
    assert len(rows) == 3 + 3
    by_names = {(row["first"], row["second"]): row for row in rows}
    for pair in outcome["tables"][0]["pairs"]:
        row = by_names[pair["first"], pair["second"]]
        assert float(row["jaccard"]) == pair["jaccard"]
        assert float(row["times_chance"]) == pytest.approx(pair["shared"] / pair["expected"])
    page = breadth("--format", "markdown", "--no-map").stdout
    assert "| 2 k-center |" in page
    assert "Left out: published:set=car: The published set 'car' was kept from Alpaca 52k" in page
    shown = breadth("--no-map").stdout
    assert "tiny, budget 8" in shown
    assert "Two unrelated draws of 8 of 60 samples have a Jaccard index of" in shown


def test_figures_are_drawn(tmp_path: Path, browser_path: Path) -> None:
    done = breadth("--figures", str(tmp_path / "drawn"), "--map", "random;k-center")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["map-8-1.html", "map-8-1.png", "overlap-8.html", "overlap-8.png"]
    assert (tmp_path / "drawn" / "overlap-8.png").read_bytes().startswith(b"\x89PNG")
    assert "where random and k-center pick" in (tmp_path / "drawn" / "map-8-1.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--map", "random"], "names 1 strategies; it takes two"),
        (["--map", "random;farthest"], "no strategy among those compared 'farthest'"),
        (["--strategies", "random"], "at least two strategies"),
        (["--budget", "9"], "not one of track tiny"),
        (["--store", "ftp://a/b"], "is no store URL"),
    ],
)
def test_refusals_name_what_is_wrong(arguments: list[str], reason: str) -> None:
    done = breadth(*arguments)
    assert done.returncode != 0
    assert reason in " ".join(done.stderr.replace("│", " ").split())
