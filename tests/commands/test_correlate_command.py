"""`breadth correlate` on a tiny track: a panel of one's own, measured, trained on and correlated."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tiny_track import TINY, command_in_process

from suite.errors import BreadthError
from suite.studies.correlate_table import CorrelateTable
from suite.studies.kept import read_kept

PANEL = """# duplicates and a skewed draw among them
random
longest
duplicate:times=2
k-means:clusters=4
k-means:clusters=2
macro-instruction:min_cluster_size=61   # cannot select here
"""
ENTRIES = 6  # random's two draws, and four others
CELLS = 1 + 2 + ENTRIES * 2
CORRELATE = ("correlate", "--track", str(TINY))


def test_a_panel_is_measured_trained_on_and_correlated(tiny_home: Path, tmp_path: Path, browser_path: Path) -> None:
    out, panel = tmp_path / "out", tmp_path / "panel.txt"
    panel.write_text(PANEL)
    call = [*CORRELATE, "--panel", str(panel), "--metrics", "novelsum,mean-length,ttr", "-o", str(out), "--jobs", "1"]
    planned = command_in_process(*call, "--dry-run")
    assert f"{CELLS + 2} cells: 1 trained, {CELLS + 1} to do" in planned
    assert f"{ENTRIES + 1} selections, 3 metrics of each." in planned
    assert not (tiny_home / "store").exists()

    done = command_in_process(*call)
    assert f"{CELLS} cells recorded, 0 finished before, 0 failed" in done
    assert "Left out: macro-instruction:min_cluster_size=61: " in done
    figures = {f"{name}.{kind}" for name in ("coefficients", "scatter") for kind in ("html", "png")}
    tables = {"table.csv", "selections.csv", "correlate.md", "correlate.json"}
    assert {file.name for file in out.iterdir()} == figures | tables
    table = read_kept(tiny_home / "store", "tiny", "correlate", CorrelateTable)
    assert table == CorrelateTable.model_validate_json((out / "correlate.json").read_text())
    assert table is not None
    assert (table.withheld, table.incomplete) == ("", ())
    assert table.reduced == ("6 of at least 40 selections",)
    assert [one.selections for one in table.correlations] == [ENTRIES, ENTRIES - 1]
    assert all(row.performance is not None for row in table.panel)
    assert {row.name for row in table.panel} >= {"random draw 0", "random draw 1", "k-means:clusters=2"}
    assert {row.metric: row.flag for row in table.correlations[0].metrics} == {
        "novelsum": "",
        "mean-length": "",
        "ttr": "",
    }
    with (out / "selections.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == ENTRIES + 1
    assert [line["degenerate"] for line in lines].count("yes") == 1
    page = (out / "correlate.md").read_text()
    assert "## Does NovelSum lead here?" in page
    assert table.correlations[1].lead.words in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "8", "--budget", "15"), "within one budget"),
        (("--panel", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("--metrics", "ttl"), "no metric 'ttl'"),
        (("--metrics", "none"), "needs at least one metric"),
        (("--seeds", "0"), "--seeds must be between 1 and 2"),
    ],
)
def test_a_mistake_is_one_error(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(BreadthError, match=message):
        command_in_process(*CORRELATE, *arguments)
