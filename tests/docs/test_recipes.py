"""The recipes of CONTRIBUTING.md, executed as they are written, in a copy of the tree."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<body>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"Save this as `([\w./-]+)`")
TYPED = """
import json, sys
from suite.commands.main import run
for words in json.loads(sys.argv[1]):
    sys.argv = ["breadth", *words]
    try:
        run()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: {end.code}")
"""
"""Calls one command after another in one process: the lines of a block, without a start of Python for each."""


@dataclass
class Tree:
    """A copy of the tree in which somebody follows a recipe."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def follow(self, title: str) -> None:
        """Do what a section says: save what is to be saved, run what is to be run, add what is to be added."""
        text, end = section(title), 0
        for block in BLOCK.finditer(text):
            body, language = block["body"], block["language"]
            before, end = " ".join(text[end : block.start()].split()), block.end()
            if saved := SAVED.search(before):
                path = self.folder / saved[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(body)
            elif language == "console":
                self.type(body.splitlines())
            elif "add the table" in before:
                track = self.folder / "mine.toml"
                # A table that follows [seeds] would end it; order does not matter in TOML.
                track.write_text(f"{track.read_text()}\n{body}")

    def type(self, lines: list[str]) -> None:
        """Run the lines of a block."""
        commands = []
        for line in lines:
            program, *words = shlex.split(line)
            if program == "export":
                name, _, value = words[0].partition("=")
                self.variables[name] = value
                continue
            assert program == "breadth", line
            commands.append(words)
            self.ran.append(line)
        self.run("-c", TYPED, json.dumps(commands))

    def run(self, *words: str) -> str:
        """What Python prints in the copy."""
        known = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200", **self.variables}
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=known, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def section(title: str) -> str:
    """The text of one section."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture
def tree(tmp_path: Path, own_home: Path) -> Tree:
    """The copy, with what was compiled of it; `breadth` in it is that of the copy."""
    folder = tmp_path / "tree"
    for name in ("suite", "strategies", "leaderboard", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("golden", "browser"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return Tree(folder, {"BREADTH_HOME": str(own_home)})


def passed(printed: str) -> int:
    found = re.search(r"(\d+) passed", printed)
    assert found is not None
    return int(found[1])


def test_a_strategy_is_one_file(tree: Tree) -> None:
    tree.follow("A strategy")
    assert len(tree.ran) == 4
    ids = json.loads((tree.folder / "shortest.json").read_text())["ids"]
    assert len(ids) == len(set(ids)) == 500
    smoke = tree.run("-m", "pytest", "-q", "tests/strategies/test_every_strategy.py", "-k", "shortest")
    assert passed(smoke) >= 3


def test_a_metric_is_one_file(tree: Tree) -> None:
    tree.follow("A metric")
    assert len(tree.ran) == 3
    smoke = tree.run("-m", "pytest", "-q", "tests/diversity/test_every_metric.py", "-k", "openings")
    assert passed(smoke) >= 1


@pytest.mark.long
@pytest.mark.timeout(1800)  # it fine-tunes, and waits for its turn on a busy machine
def test_a_track_and_a_task_are_one_file_each(tree: Tree) -> None:
    tree.follow("A track")
    assert any("--dry-run" not in line and line.startswith("breadth run") for line in tree.ran)
    tree.follow("A task")
    shown = tree.run("-m", "suite.commands.main", "tracks", "mine.toml")
    assert "colours" in shown

    # The pool of one's own, in the place of the embedded one.
    pool = tree.folder / "data" / "pools" / "mine.jsonl"
    pool.parent.mkdir(parents=True)
    lines = [
        {"instruction": f"Count to {number}.", "output": " ".join(map(str, range(number)))} for number in range(2, 402)
    ]
    pool.write_text("\n".join(map(json.dumps, lines)))
    (own,) = re.findall(r"```toml\n(\[pool\]\n.*?)```", section("A track"), flags=re.DOTALL)
    track = tree.folder / "mine.toml"
    for table in (r"\[pool\]", r"\[\[base_models\]\]"):
        track.write_text(re.sub(rf"^{table}\n.*?\n\n", "", track.read_text(), count=1, flags=re.DOTALL | re.MULTILINE))
    track.write_text(f"{track.read_text()}\n{own}")
    tree.run("-m", "suite.commands.main", "select", "k-center", "--track", "mine.toml", "-o", "own.json")
    assert len(json.loads((tree.folder / "own.json").read_text())["ids"]) == 40


def test_the_layouts_and_the_kinds_named_are_those_there_are() -> None:
    from suite.evaluation.formats import READERS
    from suite.evaluation.loading import KINDS

    text = section("A task")
    assert all(f"`{name}`" in text for name in (*READERS, *KINDS))
