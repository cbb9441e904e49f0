"""The main job on a tiny track: every stage real, interrupted, shared, damaged and resumed.

What is killed, stopped or shared is a process of its own, as a user starts it; the rest is called in this one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_track import TINY, command, stored_results, whole_command

from suite.hashing import library_versions

CELLS = 1 + 2 + 2 * 2 + 2  # untuned, full, random (draws x seeds), longest
RUN = ("run", "--track", str(TINY), "--jobs", "1")


def without_cost(results: dict[str, bytes]) -> dict[str, Any]:
    """Results by path, the cost block aside."""
    records = {path: json.loads(content) for path, content in results.items()}
    for record in records.values():
        del record["cost"]
    return records


@pytest.fixture(scope="module")
def finished(built_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the tiny track has run whole, without interruption."""
    home = tmp_path_factory.mktemp("finished")
    shutil.copytree(built_base, home / "cache" / "base-models")
    done = whole_command(*RUN, environment={"BREADTH_HOME": str(home)})
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{CELLS} cells recorded" in done.stdout
    return home


def test_every_cell_is_recorded_and_ranked(finished: Path) -> None:
    records = without_cost(stored_results(finished))
    assert len(records) == CELLS
    assert {record["cell"]["strategy"] for record in records.values()} == {"untuned", "full", "random", "longest"}
    trained = [record for record in records.values() if record["training"]]
    assert len(trained) == CELLS - 1
    assert all(record["training"]["trained_tokens"] > 0 for record in trained)
    libraries = library_versions(("accelerate", "peft", "torch", "transformers", "trl"))
    assert [record["training"]["versions"] for record in trained] == [libraries] * len(trained)
    assert len({record["hashes"]["weights"] for record in records.values()}) == CELLS

    table = whole_command(
        "board", "--track", str(TINY), "--format", "json", environment={"BREADTH_HOME": str(finished)}
    )
    assert table.returncode == 0, table.stderr
    rows = json.loads(table.stdout)["tables"][0]["rows"]
    assert {row["spec"] for row in rows} >= {"random", "longest", "full"}


def test_what_a_strategy_says_of_its_selection_stands_in_its_results_and_beneath_the_board(copied: Path) -> None:
    spec = "facility-location:neighbours=5"
    run = whole_command(*RUN, "--strategies", spec, "--seeds", "1")
    assert run.returncode == 0, run.stderr
    records = without_cost(stored_results(copied)).values()
    (record,) = [record for record in records if record["cell"]["spec"] == spec]
    (remark,) = record["remarks"]
    assert remark.startswith("approximate: a sample counts for itself and its 5 nearest alone")
    assert [record["remarks"] for record in records if record["cell"]["strategy"] == "longest"] == [[]] * 2
    board = whole_command("board", "--track", str(TINY), "--format", "markdown", "--variants")
    assert f"{spec} says of its selection: approximate" in board.stdout.replace("\\", "")


def test_finished_cells_are_left_alone(finished: Path) -> None:
    before = stored_results(finished)
    again = whole_command(*RUN, environment={"BREADTH_HOME": str(finished)})
    assert again.returncode == 0, again.stderr
    assert f"All {CELLS} cells were finished before; nothing was run." in again.stdout
    assert stored_results(finished) == before


def test_a_dry_run_tells_what_is_there_and_makes_nothing(tiny_home: Path, finished: Path) -> None:
    fresh = whole_command(*RUN, "--dry-run")
    assert fresh.returncode == 0, fresh.stderr
    assert f"{CELLS} cells: 1 trained, {CELLS - 1} to do" in fresh.stdout
    assert not (tiny_home / "store").exists()
    assert not (tiny_home / "cache" / "models").exists()
    known = whole_command(*RUN, "--dry-run", environment={"BREADTH_HOME": str(finished)})
    assert f"{CELLS} cells: {CELLS} finished" in known.stdout
    assert "by the median of" in known.stdout


def test_a_dry_run_counts_a_damaged_fine_tune_as_one_to_train(tmp_path: Path, finished: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(finished, home)
    shutil.rmtree(home / "store")
    next((home / "cache" / "models").glob("*/trained.json")).write_text("{")
    planned = whole_command(*RUN, "--dry-run", environment={"BREADTH_HOME": str(home)})
    assert planned.returncode == 0, planned.stderr
    assert re.search(rf"{CELLS} cells: .*\b1 selected", planned.stdout)


def wait_for(pattern: str, home: Path, process: subprocess.Popen[str], count: int = 1) -> None:
    deadline = time.monotonic() + 120
    while len(list(home.glob(pattern))) < count:
        assert process.poll() is None, f"the run ended before {pattern} was there"
        assert time.monotonic() < deadline, f"{pattern} never came"
        time.sleep(0.02)


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*RUN),
        env={**os.environ, "BREADTH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_killed_and_stopped_a_run_goes_on_to_the_same_results(tiny_home: Path, finished: Path) -> None:
    """Killed between training and evaluation, then stopped by its user; kills at any moment are in `tests/faults`."""
    killed = start(tiny_home)
    wait_for("cache/models/*/trained.json", tiny_home, killed)
    killed.kill()
    killed.communicate()
    before = len(stored_results(tiny_home))
    stopped = start(tiny_home)
    wait_for("store/results/*/*/*/*.json", tiny_home, stopped, before + 1)
    stopped.send_signal(signal.SIGINT)
    _, errors = stopped.communicate(timeout=30)
    assert stopped.returncode == 130
    assert "Stopped. What was finished is kept" in errors
    assert "Error" not in errors
    assert "Traceback" not in errors

    last = whole_command(*RUN)
    assert last.returncode == 0, last.stderr
    assert re.search(r"\d+ cells recorded, [1-9]\d* finished before, 0 failed", last.stdout)
    assert without_cost(stored_results(tiny_home)) == without_cost(stored_results(finished))
    assert not list((tiny_home / "store").rglob("*.part"))


def test_two_runners_share_the_cells(tiny_home: Path, finished: Path) -> None:
    """A process of its own, and this one as soon as that is at work."""
    other = start(tiny_home)
    wait_for("store/results/*/*/*/*.json", tiny_home, other)
    here = whole_command(*RUN)
    output, errors = other.communicate(timeout=300)
    assert (here.returncode, other.returncode) == (0, 0), here.stderr + errors
    recorded = [int(match[1]) for said in (here.stdout, output) if (match := re.search(r"(\d+) cells recorded", said))]
    assert sum(recorded) == CELLS
    assert without_cost(stored_results(tiny_home)) == without_cost(stored_results(finished))


@pytest.fixture
def copied(finished: Path, own_home: Path) -> Iterator[Path]:
    shutil.copytree(finished, own_home)
    return own_home


def test_damaged_caches_are_reported_and_made_again(copied: Path, finished: Path) -> None:
    shutil.rmtree(copied / "store")
    selection, *_ = sorted((copied / "cache" / "selections").glob("*.json"))
    trained, *_ = sorted((copied / "cache" / "models").glob("*/trained.json"))
    scores, *_ = sorted((copied / "cache" / "evaluations").glob("*.json"))
    for path in (selection, trained, scores):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = whole_command(*RUN)
    assert again.returncode == 0, again.stderr
    messages = again.stderr.replace("\n", "")
    for path in (selection, trained.parent, scores):
        assert path.name in messages
    assert without_cost(stored_results(copied)) == without_cost(stored_results(finished))
