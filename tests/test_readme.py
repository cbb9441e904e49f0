"""What the README shows works: its strategy in ten lines, its commands, its links."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from suite.features import Features, TrackContext
from suite.pool import pool_from_records
from suite.registry import strategies

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_strategy_in_ten_lines_selects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    file = tmp_path / "middle.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("middle", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "middle", module)
    spec.loader.exec_module(module)
    try:
        pool = pool_from_records([{"id": str(row), "instruction": "say", "output": "a" * row} for row in range(1, 10)])
        features = Features(TrackContext(track="none", pool_size=9), {})
        rows = strategies.parse("middle").select(pool, 3, features=features, rng=np.random.default_rng(0))
    finally:
        strategies._classes.pop("middle")
    assert sorted(rows.tolist()) == [3, 4, 5]


def test_every_command_shown_exists() -> None:
    from suite.commands import main

    shown = set(re.findall(r"\.venv/bin/breadth (\w+)", README))
    assert shown
    known = {command.name for command in main.application().registered_commands}
    assert shown <= known
    targets = set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE))
    assert targets
    assert all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in targets)


def test_the_commands_of_a_paper_track_are_taken_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as a dry run: options, tracks and models are read, costs reckoned, nothing run."""
    from tiny_track import command

    section = README.partition("## Run a paper track\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    breadth = " ".join(command())
    runs = [line for line in lines if ".venv/bin/breadth run" in line]
    assert {"--card", "--gpus-per-cell", "--executor", "--ray-address", "--discard-models"} <= set(
        " ".join(runs).split()
    )
    for line in (line for line in lines if "breadth" in line):
        asked = line.partition(" # ")[0].replace(".venv/bin/breadth", breadth)
        if line in runs:
            asked += " --dry-run"
        done = subprocess.run(
            ["bash", "-c", asked],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BREADTH_DATA": ""},
        )
        assert done.returncode == 0, done.stderr
        if line in runs:
            assert "GPU-hours" in done.stdout


def test_every_local_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+?)\)", page.read_text()):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_command_of_the_guide_to_a_board_exists() -> None:
    from suite.commands import main

    guide = (ROOT / "docs" / "host-a-board.md").read_text()
    known = {str(command.name): command for command in main.application().registered_commands}
    shown = re.findall(r"^breadth ([\w-]+)(.*)$", guide, flags=re.MULTILINE)
    assert {"publish-space", "run", "push", "recompute", "leaderboard", "pull"} <= {verb for verb, _ in shown}
    for verb, rest in shown:
        callback = known[verb].callback
        assert callback is not None
        for option in re.findall(r"--([\w-]+)", rest.partition("#")[0]):
            written = inspect.getsource(callback)
            assert f'"--{option}"' in written or f"    {option.replace('-', '_')}: Annotated" in written, (verb, option)
