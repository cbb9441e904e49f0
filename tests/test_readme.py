"""What the README shows works: its strategy in ten lines, its links; tests/docs runs the commands of every page."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from handbook.links import relinked

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


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "submissions/README.md"]
)
def test_every_local_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    text = page.read_text()
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" not in link:
            target = page.parent / link if link else page
            assert target.exists(), f"{name}: {link}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, (
                    anchor
                )


def test_the_commands_of_a_paper_track_are_taken_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as a dry run: options, tracks and models are read, costs reckoned, nothing run."""
    from tiny_track import command

    section = (ROOT / "docs" / "paper-track.md").read_text().partition("## On which machines\n")[2]
    blocks = re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    breadth = " ".join(command())
    runs = [line for line in lines if line.startswith("breadth run")]
    assert {"--card", "--gpus-per-cell", "--executor", "--ray-address", "--discard-models"} <= set(
        " ".join(runs).split()
    )
    for line in (line for line in lines if "breadth" in line):
        asked = re.sub("^breadth", breadth, line.partition(" # ")[0])
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


def test_every_link_of_the_pages_leads_somewhere() -> None:
    """Within the site, where the strict build looks again, or to a file of the repository."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        place = str(page.relative_to(ROOT / "docs"))
        relinked(page.read_text(), written_at=f"docs/{place}", page=place)
