"""What befalls whole runs: kills at random moments, damaged caches, full disks, memory that runs out."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults.disks import leave_free, make_room, mounted
from faults.killing import CELLS, Killer, Starter, half_written, left_over, without_cost


@dataclass
class Whole:
    """A home in which the tiny track ran undisturbed, what it came to, and how long that took."""

    home: Path
    results: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    starter = Starter(tmp_path_factory.mktemp("started"))
    yield starter
    starter.close()


@pytest.fixture(scope="module")
def whole(starter: Starter, built_base: Path) -> Whole:
    home = starter.folder / "whole"
    shutil.copytree(built_base, home / "cache" / "base-models")
    started = time.monotonic()
    status, said = starter.run(home)
    assert status == 0, said
    assert left_over(home, starter.scratch) == []
    results = without_cost(home)
    assert len(results) == CELLS
    return Whole(home, results, time.monotonic() - started)


SHORT = ("--seeds", "1", "--draws", "1")


def of_the_first_seed(record: Any) -> bool:
    """Whether a run with the options SHORT records it, too: every stage and every kind of cell."""
    return record["cell"]["training_seed"] != 2 and record["cell"]["selection_seed"] == 0


@pytest.fixture
def killed(starter: Starter, whole: Whole, built_base: Path) -> Iterator[Callable[..., Killer]]:
    """Makes what kills runs of the tiny track; they must come to what the undisturbed one came to."""
    seed = int(os.environ.get("BREADTH_KILL_SEED", "0"))
    yield partial(Killer, starter, built_base, whole.results, whole.seconds, seed)
    shutil.rmtree(starter.folder / "kills")


def test_10_kills(killed: Callable[..., Killer]) -> None:
    """Of runs of four cells, which are killed as often as the long form's of nine, and cost half."""
    killer = killed(options=SHORT, counts=of_the_first_seed)
    assert len(killer.expected) == 1 + 1 + 1 + 1  # untuned, full, random, longest
    tally = killer.kill(10)
    assert tally.kills == 10
    assert tally.rounds >= 1


@pytest.mark.long
@pytest.mark.timeout(0)
def test_200_kills(killed: Callable[..., Killer]) -> None:
    """With BREADTH_KILL_LOG every kill is written down as it happens: see docs/results/kills.md."""
    log = os.environ.get("BREADTH_KILL_LOG")

    def say(line: str) -> None:
        if log:
            with Path(log).open("a") as file:
                file.write(line + "\n")

    tally = killed().kill(int(os.environ.get("BREADTH_KILLS", "200")), say)
    say(f"{tally}")
    assert tally.in_a_write > 0


def test_a_changed_byte_in_each_cache_is_found_reported_and_made_again(
    starter: Starter, whole: Whole, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(whole.home, home)
    shutil.rmtree(home / "store")
    models = sorted((home / "cache" / "models").glob("*/"))
    for path in sorted((home / "cache" / "selections").glob("*.json"))[1:]:
        path.unlink()  # so that features are read again
    damaged = [
        next((home / "cache" / "base-models").glob("*/model.safetensors")),
        next((home / "cache" / "features").glob("*/ids.npy")),
        min((home / "cache" / "selections").glob("*.json")),
        models[0] / "adapter_model.safetensors",
        models[1] / "adapter_config.json",
        models[2] / "trained.json",
        min((home / "cache" / "evaluations").glob("*.json")),
    ]
    for path in damaged:
        change_a_digit(path)
    status, said = starter.run(home)
    assert status == 0, said
    for path in damaged:
        name = path.name if path.parent.name in ("selections", "evaluations") else path.parent.name
        assert re.search(f"{name}.{{0,200}}(damaged|has changed)", said), f"{path} was not reported: {said}"
    assert without_cost(home) == whole.results
    status, said = starter.run(home)
    assert (status, "damaged" in said) == (0, False)
    assert f"All {CELLS} cells were finished before" in said


def change_a_digit(path: Path) -> None:
    """Change one byte near the end, so that the file is still of its format."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content[:-2]) if chr(byte).isdigit()] if path.suffix == ".json" else []
    place = digits[len(digits) // 2] if digits else len(content) - 1
    content[place] ^= 1
    path.write_bytes(content)


FEW_PAGES, ALL_PAGES = (0, 9, 70), tuple(range(0, 160, 4))


def full_disk(starter: Starter, whole: Whole, built_base: Path, folder: Path, pages: tuple[int, ...]) -> None:
    """Run with so many pages of free disk, and then with room: stopped in one sentence, and gone on with."""
    with mounted(folder, 16) as home:
        shutil.copytree(built_base, home / "cache" / "base-models")
        stopped = 0
        for free in pages:
            leave_free(home, free)
            status, said = starter.run(home)
            starter.wait_for_workers()
            assert half_written(home) == []
            if status:
                stopped += 1
                assert "The disk is full" in said, said
                assert "Traceback" not in said
        assert stopped > 0
        make_room(home)
        status, said = starter.run(home)
        assert status == 0, said
        assert without_cost(home) == whole.results
        assert left_over(home, starter.scratch) == []


def test_a_disk_that_is_full_in_the_middle_of_a_run(
    starter: Starter, whole: Whole, built_base: Path, tmp_path: Path
) -> None:
    full_disk(starter, whole, built_base, tmp_path / "disk", FEW_PAGES)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_a_disk_that_is_full_anywhere_in_a_run(
    starter: Starter, whole: Whole, built_base: Path, tmp_path: Path
) -> None:
    full_disk(starter, whole, built_base, tmp_path / "disk", ALL_PAGES)


@pytest.mark.parametrize(
    ("matter", "reason"),
    [("refused", "This machine ran out of memory. Run fewer lanes"), ("killed", "it was killed, perhaps for memory")],
)
def test_memory_that_runs_out_fails_its_cells_alone(
    matter: str, reason: str, starter: Starter, whole: Whole, built_base: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(built_base, home / "cache" / "base-models")
    status, said = starter.run(home, matter)
    of_seed = {path for path, record in whole.results.items() if record["cell"]["training_seed"] == 2}
    assert status == 1
    assert f"{CELLS - len(of_seed)} cells recorded, 0 finished before, {len(of_seed)} failed" in said
    assert said.count(reason) >= len(of_seed)
    assert without_cost(home).keys() == whole.results.keys() - of_seed
    status, said = starter.run(home)
    assert status == 0, said
    assert f"{len(of_seed)} cells recorded, {CELLS - len(of_seed)} finished before" in said
    assert without_cost(home) == whole.results
