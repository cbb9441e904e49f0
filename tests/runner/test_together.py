"""Runs with the vllm engine: trained first, evaluated together in one start, and never paired with another engine's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_track import TINY, stored_results, whole_command

from suite.results import Result
from suite.runner.cells import Wanted, chosen_strategies, plan_cells
from suite.runner.schedule import Unit
from suite.runner.together import LARGEST_GROUP, grouped
from suite.track import load_track

Breadth = Callable[..., "subprocess.CompletedProcess[str]"]
CELLS = 1 + 2 + 2 + 2  # untuned, full, random (one draw), longest


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """The tiny track with heads 32 wide, the least that vLLM computes on a processor."""
    path = tmp_path / "tiny-for-vllm.toml"
    path.write_text(TINY.read_text().replace("hidden = 32", "hidden = 64").replace('"tiny"', '"tiny-for-vllm"'))
    return path


@pytest.fixture
def starts(vllm_python: str, tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment whose vLLM notes each start of its process, and the file it notes them in."""
    noted, script = tmp_path / "starts", tmp_path / "noting-python"
    noted.touch()
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *--versions*) ;; *) echo start >> {noted} ;; esac\nexec {vllm_python} "$@"\n'
    )
    script.chmod(0o755)
    return {"BREADTH_VLLM_PYTHON": str(script)}, noted


@pytest.fixture
def short(vllm_python: str, tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment whose vLLM lacks the memory for the second adapter; and the file that each start is noted in."""
    noted, script, seen = tmp_path / "starts", tmp_path / "short-python", tmp_path / "seen"
    noted.touch()
    seen.touch()
    server = f"-P {Path(__file__).parents[1] / 'short_vllm.py'} $2 {seen} 2"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *--versions*) exec {vllm_python} "$@" ;; esac\necho start >> {noted}\n'
        f"exec {vllm_python} {server}\n"
    )
    script.chmod(0o755)
    return {"BREADTH_VLLM_PYTHON": str(script)}, noted


def results(home: Path, engine: str) -> dict[str, Result]:
    found = (Result.model_validate_json(content) for content in stored_results(home).values())
    return {one.cell.id: one for one in found if one.engine_name == engine}


@pytest.mark.long
def test_a_run_starts_one_engine_and_agrees_with_the_other(
    track: Path, starts: tuple[dict[str, str], Path], own_home: Path, breadth: Breadth
) -> None:
    environment, noted = starts
    asked = ("run", "--track", str(track), "--jobs", "1", "--strategies", "random,longest", "--draws", "1")
    done = breadth(*asked, "--engine", "vllm", environment=environment, timeout=900)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"{CELLS} cells recorded" in done.stdout
    assert noted.read_text().split() == ["start"]

    ours = results(own_home, "vllm")
    assert len(ours) == CELLS
    for one in ours.values():
        assert one.engine == "vllm, up to 16 requests of 16 adapters at once"
        assert {"vllm", "torch", "transformers"} <= one.versions.keys()
        assert one.first_prompt_ids.count(one.first_prompt_ids[0]) == 1
    again = breadth(*asked, "--engine", "vllm", environment=environment, timeout=300)
    assert f"All {CELLS} cells were finished before" in again.stdout

    # Cells of another engine are other cells' equals in everything but this: they are made, and stand apart.
    other = whole_command(*asked)
    assert f"{CELLS} cells recorded" in other.stdout, other.stdout + other.stderr
    theirs = results(own_home, "transformers")
    assert ours.keys() == theirs.keys()
    for cell, one in ours.items():
        assert one.hashes == theirs[cell].hashes
        assert one.first_prompt_ids == theirs[cell].first_prompt_ids
        for mine, its in zip(one.tasks, theirs[cell].tasks, strict=True):
            np.testing.assert_allclose(mine.unpack(), its.unpack(), atol=1e-3)
    board = whole_command("board", "--track", str(track), "--format", "json")
    tables = json.loads(board.stdout)["tables"]
    assert sorted(table["engine"].partition(" ")[0] for table in tables) == ["transformers", "vllm"]


@pytest.mark.long
def test_a_cell_that_memory_does_not_suffice_for_fails_alone(
    track: Path, short: tuple[dict[str, str], Path], own_home: Path, breadth: Breadth
) -> None:
    """With one request at a time, which leaves no smaller batch to try; `test_process` has those that do."""
    environment, noted = short
    track.write_text(track.read_text().replace("batch_size = 16", "batch_size = 1"))
    asked = ("run", "--track", str(track), "--jobs", "1", "--strategies", "longest", "--seeds", "1")
    done = breadth(*asked, "--engine", "vllm", environment=environment, timeout=900)
    assert done.returncode == 1, done.stderr + done.stdout
    assert "2 cells recorded, 0 finished before, 1 failed." in done.stdout
    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("  failed: ")]
    assert "longest" in failed
    assert "vLLM ran out of memory with 1 requests at once: " in failed
    assert "can't allocate memory" in failed
    assert "Set a smaller batch_size" in failed
    assert sorted(one.cell.strategy for one in results(own_home, "vllm").values()) == ["full", "untuned"]
    # All in company, the base, which rests, then each alone: what lacks memory takes nobody with it.
    assert noted.read_text().split() == ["start"] * 3


def test_an_unknown_engine_and_one_that_is_not_there(own_home: Path, breadth: Breadth) -> None:
    wrong = breadth("run", "--track", str(TINY), "--engine", "vlm")
    assert (wrong.returncode, "Did you mean 'vllm'?" in wrong.stderr) == (2, True)
    absent = breadth("run", "--track", str(TINY), "--engine", "vllm", environment={"BREADTH_VLLM_PYTHON": "/bin/false"})
    assert absent.returncode == 1
    assert "/bin/false cannot tell its versions" in absent.stderr
    assert not (own_home / "cache" / "models").exists()


class Base:
    """A base model, as far as groups are concerned."""

    def __init__(self, name: str) -> None:
        self.name = name


def test_groups_are_even_of_one_base_and_enough_for_every_lane() -> None:
    def units(count: int, base: Any) -> list[tuple[Unit, None]]:
        return [(Unit(f"{base.name}{number}", (), None, base, 0), None) for number in range(count)]

    first, second = Base("a"), Base("b")
    for lanes, count in ((1, 5), (3, 7), (4, 2), (2, 200)):
        made = grouped(units(count, first) + units(3, second), lanes)
        assert all(len({unit.base.name for unit, _ in group.members}) == 1 for group in made)
        assert max(len(group.members) for group in made) <= LARGEST_GROUP
        keys = sorted(unit.key for group in made for unit, _ in group.members)
        assert keys == sorted(unit.key for unit, _ in units(count, first) + units(3, second))
        sizes = [len(group.members) for group in made if group.members[0][0].base is first]
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) >= min(lanes, count)
    assert len({group.key for group in grouped(units(200, first), 2)}) == len(grouped(units(200, first), 2))


def test_the_docs_say_how_many_share_a_start() -> None:
    track = load_track("m2m-lora")
    cells = plan_cells(track, chosen_strategies(track, None)[0], Wanted(base_models=("llama-2-7b",)))
    base: Any = Base("llama-2-7b")
    groups = grouped([(Unit(str(number), (), None, base, 0), None) for number in range(len(cells))], 1)
    root = Path(__file__).parents[2]
    told = f"groups of at most {LARGEST_GROUP}"
    page = " ".join((root / "docs" / "paper-track.md").read_text().split())
    assert told in page
    assert f"the {len(cells)} cells of the command above are two groups" in page
    assert len(groups) == 2
    assert told in " ".join((root / "docs" / "engines.md").read_text().split())
    assert f"up to {LARGEST_GROUP} adapters" in track.title
    assert f"evaluated {LARGEST_GROUP} in a start" in (root / "README.md").read_text()
