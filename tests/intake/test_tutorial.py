"""What submissions/README.md shows works: its commands, its script, its rules; and the examples beside it pass."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from suite.commands.main import application
from suite.intake.archive import LARGEST, LARGEST_ARCHIVE
from suite.intake.check import Surroundings, check
from suite.intake.names import built_in_names
from suite.intake.rules import RULES
from suite.intake.submission import Submission

FOLDER = Path(__file__).parents[2] / "submissions"
PAGE = (FOLDER / "README.md").read_text()
EXAMPLES = sorted(path for path in FOLDER.iterdir() if path.is_dir())


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def walk(folder: Path, home: Path, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """Do all that the page says in an empty folder; what each command printed. Each must end well."""
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (folder / "make_ids.py").write_text(script)
    environment = {**os.environ, "BREADTH_HOME": str(home), "COLUMNS": "200"}
    known = {command.name for command in application().registered_commands}
    said: dict[str, str] = {}
    for line in commands():
        program, *arguments = shlex.split(line)
        if program == "breadth":
            assert arguments[0] in known
        if arguments[0] in leave_out:
            continue
        start = [sys.executable, "-m", "suite.commands.main"] if program == "breadth" else [sys.executable]
        shown = subprocess.run(
            [*start, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, (line, shown.stdout, shown.stderr)
        said[line] = shown.stdout
    made = (folder / "even-openings" / "selection.jsonl").read_bytes()
    assert made == (FOLDER / "even-openings" / "selection.jsonl").read_bytes()
    assert (folder / "even-openings.tar.gz").is_file()
    return said


def test_the_tutorial_works_from_an_empty_folder(tmp_path: Path, own_home: Path) -> None:
    """Every command but those that fine-tune, or build the base model first."""
    assert len(walk(tmp_path, own_home, ("run", "select", "measure"))) == 6


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_tutorial_works_to_its_end(tmp_path: Path, own_home: Path) -> None:
    """Every command, on a machine that has nothing yet: the base model is pretrained and models are fine-tuned."""
    said = walk(tmp_path, own_home)
    assert said.keys() == set(commands())
    ran = next(shown for line, shown in said.items() if line.startswith("breadth run"))
    assert re.search(r"even-openings .*index-only", ran), ran
    assert "random" in ran
    picks = json.loads((tmp_path / "picks.json").read_text())
    assert len(picks["ids"]) == 500
    assert "mean-length" in next(shown for line, shown in said.items() if line.startswith("breadth measure"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_passes(folder: Path) -> None:
    report = check(folder, Surroundings(taken=built_in_names()))
    assert report.problems == ()
    assert report.submission is not None
    assert report.submission.name == folder.name


def test_there_is_an_example_of_each_kind() -> None:
    assert {check(folder, Surroundings(pool_ids=lambda _: "elsewhere")).kind for folder in EXAMPLES} == {
        "code",
        "index-only",
    }


def test_the_rules_stand_on_the_page() -> None:
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", PAGE.partition("## The rules")[2], flags=re.MULTILINE))
    assert listed == {key: rule.rule for key, rule in RULES.items()}


def test_the_format_stands_on_the_page() -> None:
    for key in Submission.model_fields:
        assert f"`{'[tracks]' if key == 'tracks' else key}` |" in PAGE
    sizes = [f"{size // 2**10} KiB" if size < 2**20 else f"{size // 2**20} MiB" for size in LARGEST.values()]
    assert all(size in PAGE for size in [*sizes, f"{LARGEST_ARCHIVE // 2**20} MiB"])
