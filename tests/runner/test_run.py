"""The main job on a tiny track: every stage real, run as a user runs it, interrupted, shared, damaged and resumed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_track import TINY, command, stored_results

from suite.hashing import library_versions

CELLS = 1 + 2 + 2 * 2 + 2  # untuned, full, random (draws x seeds), longest
Breadth = Callable[..., "subprocess.CompletedProcess[str]"]
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
    done = subprocess.run(
        command(*RUN), env={**os.environ, "BREADTH_HOME": str(home)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{CELLS} cells recorded" in done.stdout
    return home


def test_every_cell_is_recorded_and_ranked(finished: Path, breadth: Breadth) -> None:
    records = without_cost(stored_results(finished))
    assert len(records) == CELLS
    assert {record["cell"]["strategy"] for record in records.values()} == {"untuned", "full", "random", "longest"}
    trained = [record for record in records.values() if record["training"]]
    assert len(trained) == CELLS - 1
    assert all(record["training"]["trained_tokens"] > 0 for record in trained)
    libraries = library_versions(("accelerate", "peft", "torch", "transformers", "trl"))
    assert [record["training"]["versions"] for record in trained] == [libraries] * len(trained)
    assert len({record["hashes"]["weights"] for record in records.values()}) == CELLS

    table = breadth("board", "--track", str(TINY), "--format", "json", environment={"BREADTH_HOME": str(finished)})
    assert table.returncode == 0, table.stderr
    rows = json.loads(table.stdout)["tables"][0]["rows"]
    assert {row["spec"] for row in rows} >= {"random", "longest", "full"}


def test_what_a_strategy_says_of_its_selection_stands_in_its_results_and_beneath_the_board(
    copied: Path, breadth: Breadth
) -> None:
    spec = "facility-location:neighbours=5"
    run = breadth(*RUN, "--strategies", spec, "--seeds", "1")
    assert run.returncode == 0, run.stderr
    records = without_cost(stored_results(copied)).values()
    (record,) = [record for record in records if record["cell"]["spec"] == spec]
    (remark,) = record["remarks"]
    assert remark.startswith("approximate: a sample counts for itself and its 5 nearest alone")
    assert [record["remarks"] for record in records if record["cell"]["strategy"] == "longest"] == [[]] * 2
    board = breadth("board", "--track", str(TINY), "--format", "markdown", "--variants")
    assert f"{spec} says of its selection: approximate" in board.stdout.replace("\\", "")


def test_finished_cells_are_left_alone(finished: Path, breadth: Breadth) -> None:
    before = stored_results(finished)
    again = breadth(*RUN, environment={"BREADTH_HOME": str(finished)})
    assert again.returncode == 0, again.stderr
    assert f"All {CELLS} cells were finished before; nothing was run." in again.stdout
    assert stored_results(finished) == before


def test_a_dry_run_tells_what_is_there_and_makes_nothing(tiny_home: Path, finished: Path, breadth: Breadth) -> None:
    fresh = breadth(*RUN, "--dry-run")
    assert fresh.returncode == 0, fresh.stderr
    assert f"{CELLS} cells: 1 trained, {CELLS - 1} to do" in fresh.stdout
    assert not (tiny_home / "store").exists()
    assert not (tiny_home / "cache" / "models").exists()
    known = breadth(*RUN, "--dry-run", environment={"BREADTH_HOME": str(finished)})
    assert f"{CELLS} cells: {CELLS} finished" in known.stdout
    assert "by the median of" in known.stdout


def test_a_dry_run_counts_a_damaged_fine_tune_as_one_to_train(tmp_path: Path, finished: Path, breadth: Breadth) -> None:
    home = tmp_path / "home"
    shutil.copytree(finished, home)
    shutil.rmtree(home / "store")
    next((home / "cache" / "models").glob("*/trained.json")).write_text("{")
    planned = breadth(*RUN, "--dry-run", environment={"BREADTH_HOME": str(home)})
    assert planned.returncode == 0, planned.stderr
    assert re.search(rf"{CELLS} cells: .*\b1 selected", planned.stdout)


def wait_for(pattern: str, home: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not list(home.glob(pattern)):
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


def test_killed_at_any_stage_a_run_goes_on_to_the_same_results(tiny_home: Path, finished: Path) -> None:
    for stage in ("cache/selections/*.json", "cache/models/*/trained.json", "cache/evaluations/*.json"):
        process = start(tiny_home)
        wait_for(stage, tiny_home, process)
        process.kill()
        process.communicate()
    # With nothing left to train, the run could end before it is stopped.
    for folder in ("store", "cache/models", "cache/evaluations"):
        shutil.rmtree(tiny_home / folder, ignore_errors=True)
    stopped = start(tiny_home)
    wait_for("store/results/*/*/*/*.json", tiny_home, stopped)
    stopped.send_signal(signal.SIGINT)
    _, errors = stopped.communicate(timeout=30)
    assert stopped.returncode == 130
    assert "Stopped. What was finished is kept" in errors
    assert "Error" not in errors
    assert "Traceback" not in errors

    last = start(tiny_home)
    output, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors
    assert re.search(r"\d+ cells recorded, [1-9]\d* finished before, 0 failed", output)
    assert without_cost(stored_results(tiny_home)) == without_cost(stored_results(finished))
    assert not list((tiny_home / "store").rglob("*.part"))


def test_two_runners_share_the_cells(tiny_home: Path, finished: Path) -> None:
    runners = [start(tiny_home), start(tiny_home)]
    outputs = [runner.communicate(timeout=300) for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0], outputs
    recorded = [int(match[1]) for output, _ in outputs if (match := re.search(r"(\d+) cells recorded", output))]
    assert sum(recorded) == CELLS
    assert without_cost(stored_results(tiny_home)) == without_cost(stored_results(finished))


@pytest.fixture
def copied(finished: Path, own_home: Path) -> Iterator[Path]:
    shutil.copytree(finished, own_home)
    return own_home


def test_damaged_caches_are_reported_and_made_again(copied: Path, finished: Path, breadth: Breadth) -> None:
    shutil.rmtree(copied / "store")
    selection, *_ = sorted((copied / "cache" / "selections").glob("*.json"))
    trained, *_ = sorted((copied / "cache" / "models").glob("*/trained.json"))
    scores, *_ = sorted((copied / "cache" / "evaluations").glob("*.json"))
    for path in (selection, trained, scores):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = breadth(*RUN)
    assert again.returncode == 0, again.stderr
    messages = again.stderr.replace("\n", "")
    for path in (selection, trained.parent, scores):
        assert path.name in messages
    assert without_cost(stored_results(copied)) == without_cost(stored_results(finished))
