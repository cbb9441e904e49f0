"""`breadth ladder` on a tiny track: every stage real, cells shared with `breadth run`, what lacks is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tiny_track import TINY, command_in_process, stored_results

from suite.errors import BreadthError
from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable

MICRO = "micro-response:rare=2"
NOISE = "macro-instruction:min_cluster_size=61"
CELLS = 1 + 2 + 2 * 2 + 3 * 2  # untuned, full, random (draws x seeds), three levels of micro
LADDER = ("ladder", "--track", str(TINY))


def test_a_ladder_is_run_once_and_tabulated(tiny_home: Path, tmp_path: Path, browser_path: Path) -> None:
    out = tmp_path / "out"
    call = [*LADDER, "--strategies", f"{MICRO};{NOISE}", "--levels", "3", "--jobs", "1", "-o", str(out)]
    planned = command_in_process(*call, "--dry-run")
    assert f"{CELLS + 6} cells: 1 trained, {CELLS + 5} to do" in planned
    assert "Reduced, and the table will say so: without macro-response," in planned
    assert not (tiny_home / "store").exists()
    assert not out.exists()

    done = command_in_process(*call)
    assert f"{CELLS} cells recorded, 0 finished before, 0 failed" in done
    assert f"of evaluation, summed over {CELLS} cells, each on one lane (" in done
    names = {"table.csv", "ladder.md", "ladder.json", "ladder.html", "ladder.png"}
    assert {file.name for file in out.iterdir()} == names
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * 3 + ["out of reach"] * 3
    assert all("all are noise at min_cluster_size=61" in row["problem"] for row in rows[3:])
    records = [json.loads(content) for path, content in stored_results(tiny_home).items() if "results/" in path]
    stored = {(one["cell"]["spec"], one["cell"]["selection_seed"], one["cell"]["training_seed"]) for one in records}
    assert len(stored) == CELLS
    assert ("micro-response:diversity=0.5,rare=2", 1, 2) in stored
    table = read_kept(tiny_home / "store", "tiny", "ladder", LadderTable)
    assert table == LadderTable.model_validate_json((out / "ladder.json").read_text())
    assert table is not None
    assert (table.incomplete, table.withheld) == ((), "")
    micro, macro = table.strategies
    assert micro.line is not None
    assert micro.line.points == 3
    assert "0 of 3 levels are in reach" in macro.why_no_slope
    page = (out / "ladder.md").read_text()
    assert "(reduced)" in page
    assert str(tmp_path) not in page
    assert (out / "ladder.png").read_bytes().startswith(b"\x89PNG")

    again = command_in_process(*call, "--dry-run")
    assert f"{CELLS + 6} cells: {CELLS} finished, 6 to do" in again
    # A level more is only tabulated: what is missing is counted, and no slope is made of the rest.
    wider = command_in_process(*LADDER, "--strategies", MICRO, "--levels", "5", "-o", str(out), "--no-run")
    assert "Incomplete: 4 cells have no result." in wider
    assert "levels lack results of seeds" in " ".join(wider.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategies", "random"), "'random' has no levels of diversity"),
        (("--budget", "8", "--budget", "15"), r"within one budget, not 2 \(8, 15\)"),
        (("--budget", "9"), "not one of track tiny"),
        (("--levels", "1"), "--levels must be at least 2"),
        (("--seeds", "3"), "--seeds must be between 1 and 2"),
        (("--jobs", "0"), "--jobs must be at least 1"),
        (("--store", "ftp://a/b"), "is no store URL"),
    ],
)
def test_a_mistake_is_one_error(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(BreadthError, match=message):
        command_in_process(*LADDER, *arguments)
