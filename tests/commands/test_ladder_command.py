"""`breadth ladder` on a tiny track: every stage real, cells shared with `breadth run`, what lacks is said."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_track import TINY, command, stored_results

from suite.studies.kept import read_kept
from suite.studies.ladder_table import LadderTable

Breadth = Callable[..., "subprocess.CompletedProcess[str]"]
MICRO = "micro-response:rare=2"
NOISE = "macro-instruction:min_cluster_size=61"
CELLS = 1 + 2 + 2 * 2 + 3 * 2  # untuned, full, random (draws x seeds), three levels of micro


@pytest.fixture
def breadth(own_home: Path) -> Breadth:
    """Runs the real command in a process of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "BREADTH_HOME": str(own_home), "COLUMNS": "200"}
        return subprocess.run(
            command("ladder", "--track", str(TINY), *arguments),
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            check=False,
        )

    return run


def test_a_ladder_is_run_once_and_tabulated(
    tiny_home: Path, breadth: Breadth, tmp_path: Path, browser_path: Path
) -> None:
    out = tmp_path / "out"
    call = ["--strategies", f"{MICRO};{NOISE}", "--levels", "3", "--jobs", "1", "-o", str(out)]
    planned = breadth(*call, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert f"{CELLS + 6} cells: 1 trained, {CELLS + 5} to do" in planned.stdout
    assert "Reduced, and the table will say so: without macro-response," in planned.stdout
    assert not (tiny_home / "store").exists()
    assert not out.exists()

    done = breadth(*call)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{CELLS} cells recorded, 0 finished before, 0 failed" in done.stdout
    assert {file.name for file in out.iterdir()} == {
        "table.csv",
        "ladder.md",
        "ladder.json",
        "ladder.html",
        "ladder.png",
    }
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * 3 + ["out of reach"] * 3
    assert all("all are noise at min_cluster_size=61" in row["problem"] for row in rows[3:])
    stored = {
        (record["cell"]["spec"], record["cell"]["selection_seed"], record["cell"]["training_seed"])
        for record in map(
            json.loads, (content for path, content in stored_results(tiny_home).items() if "results/" in path)
        )
    }
    assert len(stored) == CELLS
    assert ("micro-response:diversity=0.5,rare=2", 1, 2) in stored
    table = read_kept(tiny_home / "store", "tiny", "ladder", LadderTable)
    assert table == LadderTable.model_validate_json((out / "ladder.json").read_text())
    assert table is not None
    assert table.incomplete == ()
    micro, macro = table.strategies
    # On a model of three pretraining steps `full` need not learn anything; then there is no score, and that is said.
    if table.withheld:
        assert "no score" in micro.why_no_slope
    else:
        assert micro.line is not None
        assert "0 of 3 levels are in reach" in macro.why_no_slope
    page = (out / "ladder.md").read_text()
    assert "(reduced)" in page
    assert str(tmp_path) not in page
    assert (out / "ladder.png").read_bytes().startswith(b"\x89PNG")

    again = breadth(*call)
    assert again.returncode == 0, again.stderr
    assert f"0 cells recorded, {CELLS} finished before, 0 failed" in again.stdout
    # A level more is only tabulated: what is missing is counted, and no slope is made of the rest.
    wider = breadth(*call[:2], "--levels", "5", "-o", str(out), "--no-run")
    assert wider.returncode == 0, wider.stderr
    assert "Incomplete: 4 cells have no result." in wider.stdout
    assert "levels lack results of seeds" in wider.stdout or "no score" in wider.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategies", "random"), "'random' has no levels of diversity"),
        (("--budget", "8", "--budget", "15"), "within one budget, not 2 (8, 15)"),
        (("--budget", "9"), "not one of track tiny"),
        (("--levels", "1"), "--levels must be at least 2"),
        (("--seeds", "3"), "--seeds must be between 1 and 2"),
        (("--jobs", "0"), "--jobs must be at least 1"),
        (("--store", "hf://datasets/a/b"), "file: stores only"),
    ],
)
def test_a_mistake_gets_one_sentence(breadth: Breadth, arguments: tuple[str, ...], message: str) -> None:
    done = breadth(*arguments)
    assert done.returncode != 0
    assert done.stderr.count("Error:") == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr
